/**
 * The library's folders as a tree beside the cards (WAI-ARIA tree pattern). Only folders that are
 * unfolded exist as elements; several library folders stand side by side, each with its own.
 */

import { h, say, set } from "./dom.mjs";
import { current, t } from "./language.mjs";
import { folders } from "./orders.mjs";
import { remembered } from "./settings.mjs";

const WIDE = 860; // px of the library from which the tree stands open by itself

export class FolderTree {
  /** @param {() => void} changed called when another folder is chosen */
  constructor(changed) {
    Object.assign(this, { changed, value: "", root: "", nodes: [], unfolded: new Set() });
    this.shown = remembered("folders", "");
    this.button = h("button", {
      type: "button",
      class: "live-lora-button live-lora-folder",
      "aria-expanded": "false",
      onClick: () => this.flip(),
    });
    this.element = h("div", {
      role: "tree",
      class: "live-lora-folders",
      "aria-label": t("toolbar.folder"),
      hidden: true,
    });
    this.element.addEventListener("click", (event) => this.click(event));
    this.element.addEventListener("keydown", (event) => this.key(event));
  }

  /**
   * A choice that is gone falls back to all.
   * @param {import("./query.mjs").Row[]} rows
   * @param {[string, string, number][]} [known] as the library tells of its folders
   */
  offer(rows, known = []) {
    const told = JSON.stringify(known);
    if (rows === this.rows && told === this.told) return;
    Object.assign(this, { rows, told });
    const found = folders(rows, known.map(([label, folder]) => ({ label, folder, files: 0 })));
    const all = { path: "", root: "", folder: "", name: t("toolbar.all_folders"), count: rows.length, level: 1 };
    this.nodes = [all, ...found];
    if (!this.nodes.some((node) => this.isChosen(node))) this.take(all);
    this.render();
  }

  isChosen({ root, folder }) {
    return root === this.root && folder === this.value;
  }

  take({ root, folder }) {
    this.root = root;
    this.value = folder;
  }

  /** Everything again. */
  clear() {
    this.take({ root: "", folder: "" });
    this.render();
  }

  /** How wide the library is decides, until somebody has opened or closed the tree. */
  fit(width) {
    const open = this.shown ? this.shown === "yes" : width >= WIDE;
    if (open === this.open) return;
    this.open = open;
    this.render();
  }

  flip() {
    this.open = !this.open;
    this.shown = this.open ? "yes" : "no";
    remembered.keep("folders", this.shown);
    this.render();
  }

  render() {
    const chosen = this.nodes.find((node) => this.isChosen(node)) ?? null;
    const some = this.nodes.length > 1;
    set(this.button, "hidden", !some);
    say(this.button, chosen?.path ? chosen.name : t("toolbar.folders"));
    set(this.button, "title", chosen?.path || t("toolbar.folders"));
    set(this.button, "data-chosen", Boolean(chosen?.path));
    set(this.button, "aria-expanded", String(Boolean(some && this.open)));
    set(this.element, "hidden", !(some && this.open));
    if (!this.element.hidden) this.renderItems(chosen);
  }

  renderItems(chosen) {
    if (chosen) for (const path of above(chosen.path)) this.unfolded.add(path);
    const focused = this.element.contains(document.activeElement)
      ? document.activeElement.dataset.path
      : null;
    const parents = new Set(this.nodes.flatMap(({ path }) => above(path).slice(-1)));
    this.visible = this.nodes.filter(({ path }) => above(path).every((one) => this.unfolded.has(one)));
    this.element.replaceChildren(...this.visible.map((node) => this.item(node, parents.has(node.path), chosen)));
    if (focused !== null) this.items.find(({ dataset }) => dataset.path === focused)?.focus();
  }

  item(node, parent, chosen) {
    const { path, name, count, level } = node;
    const item = h(
      "div",
      {
        role: "treeitem",
        class: "live-lora-leaf",
        tabIndex: node === chosen ? 0 : -1,
        title: path,
        "aria-level": level,
        "aria-selected": String(node === chosen),
        "aria-expanded": parent ? String(this.unfolded.has(path)) : null,
        "data-path": path,
      },
      h("span", { class: "live-lora-twist", "aria-hidden": "true" }, parent ? "▸" : ""),
      h("span", { class: "live-lora-leaf-name" }, name),
      " ",
      h("small", {}, count.toLocaleString(current())),
    );
    item.style.setProperty("--level", String(level - 1));
    return item;
  }

  get items() {
    return [...this.element.children];
  }

  click(event) {
    const at = this.items.indexOf(event.target.closest("[role=treeitem]"));
    if (at < 0) return;
    const twist = event.target.classList.contains("live-lora-twist");
    if (twist && this.items[at].hasAttribute("aria-expanded")) this.turn(at);
    else this.choose(at);
  }

  choose(at) {
    this.take(this.visible[at]);
    this.render();
    this.changed();
  }

  turn(at) {
    const { path } = this.visible[at];
    if (!this.unfolded.delete(path)) this.unfolded.add(path);
    const focused = this.items[at] === document.activeElement;
    this.fold();
    if (focused) this.items[at]?.focus();
  }

  /** What is chosen may be folded away: then nothing is drawn as chosen, and the first is reached. */
  fold() {
    const chosen = this.nodes.find((node) => this.isChosen(node));
    const away = above(chosen.path).some((path) => !this.unfolded.has(path));
    this.renderItems(away ? null : chosen);
    if (away) this.items[0].tabIndex = 0;
  }

  key(event) {
    const at = this.items.indexOf(event.target);
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const open = this.items[at].getAttribute("aria-expanded");
    const last = this.items.length - 1;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: last }[event.key];
    if (to !== undefined) this.focus(Math.max(0, Math.min(last, to)));
    else if (event.key === "Enter" || event.key === " ") this.choose(at);
    else if (event.key === "ArrowRight" && open === "false") this.turn(at);
    else if (event.key === "ArrowRight") this.focus(open ? at + 1 : at);
    else if (event.key === "ArrowLeft" && open === "true") this.turn(at);
    else if (event.key === "ArrowLeft") this.focus(this.parentOf(at));
    else return;
    event.preventDefault();
  }

  parentOf(at) {
    const path = above(this.visible[at].path).at(-1);
    return path === undefined ? at : this.visible.findIndex((node) => node.path === path);
  }

  focus(at) {
    for (const item of this.items) item.tabIndex = -1;
    this.items[at].tabIndex = 0;
    this.items[at].focus();
  }
}

/** The paths of the folders that one lies in, the outermost first. */
function above(path) {
  const parts = path.split("/");
  return parts.slice(1).map((_, at) => parts.slice(0, at + 1).join("/"));
}
