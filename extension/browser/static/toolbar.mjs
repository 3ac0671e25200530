/** Search, filters, order and the few switches above the cards. */

import { chip, choice, offerOptions } from "./controls.mjs";
import { Chips } from "./filter_chips.mjs";
import { h, say, set } from "./dom.mjs";
import { FolderTree } from "./folder_tree.mjs";
import { t } from "./language.mjs";
import { remembered } from "./settings.mjs";
import { Sorting } from "./sorting.mjs";

export const SIZES = { s: "size.small", m: "size.medium", l: "size.large", list: "size.list" };

export class Toolbar {
  /**
   * @param {{changed(): void, refresh(): void, resize(): void, veiled(): void, enter(): void}}
   *   actions
   */
  constructor(actions) {
    this.actions = actions;
    this.base = remembered("base", null);
    this.search = h("input", {
      type: "search",
      class: "live-lora-search",
      placeholder: t("search.hint"),
      "aria-label": t("search.name"),
      autocomplete: "off",
      spellcheck: "false",
    });
    this.folders = new FolderTree(() => actions.changed());
    this.sorting = new Sorting(() => actions.changed());
    this.size = choice(t("toolbar.size"), () => this.resize());
    this.refresh = h("button", { type: "button", class: "live-lora-button" }, t("toolbar.refresh"));
    this.refresh.addEventListener("click", () => actions.refresh());
    this.bases = h("div", { role: "group", "aria-label": t("toolbar.base"), class: "live-lora-bases" });
    this.chips = new Chips(() => actions.changed(), () => actions.veiled());
    this.count = h("span", { role: "status", class: "live-lora-count" });
    this.progress = h("span", { class: "live-lora-progress", hidden: true });
    const filters = h("div", { class: "live-lora-filters" }, this.bases, this.chips.element);
    this.element = h("div", { class: "live-lora-toolbar" }, this.first(), filters);
    this.listen();
    this.offerSizes();
  }

  first() {
    const { search, folders, sorting, size, refresh } = this;
    const line = [search, folders.button, sorting.element, size, refresh];
    return h("div", { class: "live-lora-line", role: "search" }, ...line);
  }

  listen() {
    this.search.addEventListener("input", () => {
      this.ids = null;
      this.actions.changed();
    });
    this.search.addEventListener("keydown", (event) => this.key(event));
  }

  /** What `query.search` takes. */
  get query() {
    const { base, search, chips, ids } = this;
    const { value: folder, root } = this.folders;
    return { text: search.value, folder, root, base: base ?? "", ...chips.chosen, ids };
  }

  /** Everything again. */
  clear() {
    this.seek("");
  }

  /** These files and no other, until something else is looked for. */
  only(ids) {
    this.seek("", new Set(ids));
  }

  /** A search in the whole library. */
  seek(text, ids = null) {
    this.ids = ids;
    this.search.value = text;
    this.folders.clear();
    this.base = "";
    this.chips.clear();
    this.renderBases();
    this.actions.changed();
  }

  /** Offers what the library holds; a choice that is gone falls back to all. */
  offer(rows, { model, folders }) {
    this.rows = rows;
    this.folders.offer(rows, folders);
    this.begin(rows, model);
    this.renderBases();
    this.chips.offer(rows);
  }

  /** At first, what fits the loaded model; from then on what was chosen. */
  begin(rows, model) {
    const there = (base) => rows.some((row) => row.base === base);
    if (this.base === null && model?.base && there(model.base)) this.base = model.base;
    if (this.base && rows.length && !there(this.base)) this.base = "";
  }

  renderBases() {
    const found = basesOf(this.rows ?? []);
    this.bases.hidden = found.length < 2;
    const focused =
      this.bases.contains(document.activeElement) && document.activeElement.dataset.base;
    const all = ["", this.rows?.length ?? 0];
    this.bases.replaceChildren(...[all, ...found].map(([base, count]) => this.baseChip(base, count)));
    [...this.bases.children].find((chip) => chip.dataset.base === focused)?.focus();
  }

  baseChip(base, count) {
    const pick = () => {
      this.base = this.base === base ? "" : base;
      remembered.keep("base", this.base);
      this.renderBases();
      this.actions.changed();
    };
    return chip(base || t("toolbar.all"), count, (this.base ?? "") === base, pick, { "data-base": base });
  }

  showCount(shown, total) {
    const mixed = this.rows?.some(({ what }) => what);
    const whole = mixed ? "toolbar.files" : "toolbar.count";
    const key = shown === total ? whole : mixed ? "toolbar.files_of" : "toolbar.count_of";
    say(this.count, t(key, { shown, count: total }));
  }

  /** How far the server's reading is; not read out at every step. */
  showProgress({ read, files }) {
    this.progress.hidden = read >= files;
    say(this.progress, t("toolbar.read", { done: read, count: files }));
  }

  busy(yes) {
    set(this.refresh, "disabled", yes);
    say(this.refresh, yes ? t("toolbar.loading") : t("toolbar.refresh"));
  }

  offerSizes() {
    offerOptions(this.size, Object.entries(SIZES).map(([key, label]) => [key, t(label)]));
    this.size.value = remembered("size", "m");
    if (!this.size.value) this.size.value = "m";
  }

  resize() {
    remembered.keep("size", this.size.value);
    this.actions.resize();
  }

  /** Enter and arrow down lead into the results; Esc empties the search. */
  key(event) {
    if (event.isComposing) return;
    if (event.key === "Enter" || event.key === "ArrowDown") {
      event.preventDefault();
      this.actions.enter();
    } else if (event.key === "Escape") this.escape(event);
  }

  /** The webui would stop a running generation. */
  escape(event) {
    if (!this.search.value) return;
    event.stopPropagation();
    event.preventDefault();
    this.search.value = "";
    this.ids = null;
    this.actions.changed();
  }
}

/** Each base with all rows that it would show. */
function basesOf(rows) {
  const names = new Map();
  for (const { base } of rows) names.set(base, (names.get(base) ?? 0) + 1);
  const unknown = names.get("Unknown") ?? 0;
  const own = [...names].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  return own.map(([base, count]) => [base, base === "Unknown" ? count : count + unknown]);
}
