/** The LoRA tab: toolbar, cards, and the active rows of a prompt that is out of sight. */

import { Card } from "./card.mjs";
import { h, say, set } from "./dom.mjs";
import { join, remove, replaceWith, setWeight, writeTag } from "./edits.mjs";
import { VirtualGrid } from "./grid.mjs";
import { ActivePanel } from "./panel.mjs";
import { ORDERS, search } from "./query.mjs";
import { addsWords, remembered } from "./settings.mjs";
import { weights } from "./tags.mjs";
import { Toolbar, choice, offerOptions } from "./toolbar.mjs";

export class Tab {
  /**
   * @param {import("./library.mjs").Library} library
   * @param {import("./targets.mjs").Targets} targets
   */
  constructor(library, targets) {
    Object.assign(this, { library, targets, ordered: [], next: new Map(), panels: new Map() });
    this.toolbar = new Toolbar({ changed: () => this.filter(), refresh: () => library.refresh() });
    this.grid = new VirtualGrid("LoRAs", (row) => this.card(row));
    this.note = h("div", { class: "live-lora-note", role: "status" });
    this.active = h("div", { class: "live-lora-active" });
    this.element = h("section", { class: "live-lora live-lora-tab", "aria-label": "LoRA library" });
    this.element.append(
      this.toolbar.element,
      this.into(),
      this.active,
      this.note,
      this.grid.element,
    );
    this.listen();
  }

  listen() {
    this.element.addEventListener("keydown", (event) => this.shield(event));
    document.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.shown()).observe(this.element);
    this.targets.watch(() => this.renderPrompt());
    this.library.watch(() => this.renderLibrary());
  }

  /** Opened or resized: another model may be loaded, and the prompt may be out of sight now. */
  shown() {
    if (this.element.clientWidth === 0) return;
    this.library.freshen(5000);
    this.renderActive();
  }

  /** Which prompt, and whether its trigger words come along. */
  into() {
    this.target = choice("Prompt to add LoRAs to", () =>
      this.targets.choose(this.targets.boxes[this.target.value]),
    );
    const box = h("input", { type: "checkbox", checked: addsWords() });
    box.addEventListener("change", () => remembered.keep("words", box.checked ? "yes" : "no"));
    const words = h("label", { class: "live-lora-check" }, box, "Add trigger words");
    return h(
      "div",
      { class: "live-lora-line live-lora-into" },
      h("label", {}, "Add to ", this.target),
      words,
      this.toolbar.count,
      this.toolbar.progress,
    );
  }

  renderLibrary() {
    const { library, toolbar } = this;
    toolbar.busy(library.state === "loading");
    if (library.state === "loading" && library.rows.length === 0)
      return this.say("Loading the library…");
    if (library.state === "failed") return this.fail(library.error);
    toolbar.offer(library.rows);
    return this.filter({ stay: true });
  }

  filter({ stay = false } = {}) {
    const { rows } = this.library;
    const found = search(this.inOrder(rows), this.toolbar.query);
    this.toolbar.showCount(found.length, rows.length);
    this.toolbar.showProgress(this.library);
    this.grid.show(found, stay);
    if (rows.length === 0)
      this.say("No LoRA files found. Put .safetensors files into models/Lora, then press Refresh.");
    else if (found.length === 0)
      this.say("No LoRA matches.", ["Show all", () => this.toolbar.clear()]);
    else this.say("");
  }

  /** The whole library in the chosen order, sorted once per library and order. */
  inOrder(rows) {
    const key = this.toolbar.order.value;
    if (this.ordered.rows !== rows || this.ordered.key !== key)
      this.ordered = { rows, key, list: [...rows].sort(ORDERS[key].compare) };
    return this.ordered.list;
  }

  /** The files whose cards are on the screen now. */
  visibleIds() {
    if (this.element.clientWidth === 0) return [];
    return this.grid.visible.map(({ row }) => row.id);
  }

  say(message, action) {
    const button =
      action &&
      h("button", { type: "button", class: "live-lora-button", onClick: action[1] }, action[0]);
    set(this.note, "hidden", message === "");
    this.note.replaceChildren(...[message, button].filter(Boolean));
    set(this.note, "data-error", this.library.state === "failed");
  }

  fail(message) {
    this.say(message, ["Try again", () => this.library.load()]);
  }

  card(row) {
    const card = new Card(row, this);
    card.render(this.tagsOf(row)[0]);
    return card;
  }

  /** The tags of the current prompt that lead to this file. */
  tagsOf(row) {
    return this.tagsById().get(row.id) ?? [];
  }

  tagsById() {
    const box = this.targets.current;
    if (this.found?.tags === box?.tags && this.found?.rows === this.library.rows)
      return this.found.byId;
    const byId = new Map();
    for (const tag of box?.tags ?? []) {
      const { row } = this.library.resolve(tag.name);
      if (row) byId.set(row.id, [...(byId.get(row.id) ?? []), tag]);
    }
    this.found = { tags: box?.tags, rows: this.library.rows, byId };
    return byId;
  }

  weightOf(row) {
    return this.next.get(row.id) ?? row.weight ?? 1;
  }

  /** In, or out with whatever arguments; `replace` takes every other tag out in the same step. */
  toggle(row, replace) {
    const box = this.targets.current;
    if (!box) return;
    const tags = this.tagsOf(row);
    const out = replace ? box.tags : tags;
    const removals = out.map((tag) => remove(box.text, tag, this.library.wordsToAdd(tag.name)));
    if (tags.length && !replace) return box.apply(join(box.text, removals));
    const tag = writeTag(row.name, this.weightOf(row));
    box.apply(replaceWith(box.text, removals, tag, this.library.wordsToAdd(row.name)));
  }

  weigh(row, value) {
    const box = this.targets.current;
    const [tag] = this.tagsOf(row);
    this.next.set(row.id, value);
    if (tag) box.apply(setWeight(weights(tag).at(-1), value));
    this.renderCards();
  }

  renderPrompt() {
    const { boxes, current } = this.targets;
    const options = boxes.map((box, at) => [String(at), box.label]);
    if (String(options) !== this.offered) offerOptions(this.target, options);
    this.offered = String(options);
    this.target.value = String(boxes.indexOf(current));
    this.target.parentElement.hidden = boxes.length < 2;
    this.renderCards();
    this.renderActive();
  }

  renderCards() {
    for (const card of this.grid.visible) card.render(this.tagsOf(card.row)[0]);
  }

  /** Rows under a prompt that is in sight are enough. */
  renderActive() {
    const box = this.targets.current;
    const wanted = box && !box.visible ? this.panelOf(box) : null;
    if (this.active.firstChild === wanted) return;
    this.active.replaceChildren(...(wanted ? [wanted] : []));
  }

  panelOf(box) {
    const find = (tag) => this.toolbar.seek(this.library.resolve(tag.name).row?.name ?? tag.name);
    if (!this.panels.has(box))
      this.panels.set(box, new ActivePanel(box, this.library, find).element);
    return this.panels.get(box);
  }

  /** What the webui does with Ctrl+Enter and the like has no place in this tab. */
  shield(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) event.stopPropagation();
  }

  /** `/` goes to the search, from anywhere in the tab or from nowhere in particular. */
  key(event) {
    const { target } = event;
    if (event.key !== "/" || this.element.clientWidth === 0) return;
    if (target !== document.body && !this.element.contains(target)) return;
    if (target.matches("input:not([type=range], [type=checkbox]), select")) return;
    event.preventDefault();
    this.toolbar.search.focus();
  }
}
