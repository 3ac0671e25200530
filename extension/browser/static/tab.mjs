/** The LoRA tab: toolbar, cards, details, and the active rows of a prompt that is out of sight. */

import { fetchDetails, saveDetails } from "./api.mjs";
import { Card } from "./card.mjs";
import { choice, offerOptions } from "./controls.mjs";
import { Details } from "./details.mjs";
import { h, say, set } from "./dom.mjs";
import { join, needsHash, remove, replaceWith, setWeight, writeTag } from "./edits.mjs";
import { FarSearch } from "./far_search.mjs";
import { VirtualGrid } from "./grid.mjs";
import { t } from "./language.mjs";
import { moveNegatives } from "./negatives.mjs";
import { OtherCard } from "./other_card.mjs";
import { ActivePanel } from "./panel.mjs";
import { search } from "./query.mjs";
import { addsWords, remembered } from "./settings.mjs";
import { Shelf } from "./shelf.mjs";
import { weights } from "./tags.mjs";
import { TagsByFile } from "./tags_by_file.mjs";
import { Toolbar } from "./toolbar.mjs";

export class Tab {
  /**
   * @param {import("./library.mjs").Library} library
   * @param {import("./targets.mjs").Targets} targets
   */
  constructor(library, targets) {
    Object.assign(this, { library, targets, next: new Map(), panels: new Map() });
    this.byFile = new TagsByFile(library);
    this.far = new FarSearch(() => this.filter({ stay: true }));
    this.shelf = new Shelf(() => this.renderLibrary());
    this.grid = new VirtualGrid(t("tab.grid"), (row) => this.card(row));
    this.toolbar = new Toolbar({
      changed: () => this.filter(),
      refresh: () => Promise.all([library.refresh(), this.shelf.load(true)]),
      resize: () => this.resize(),
      veiled: () => this.redraw(),
      enter: () => this.grid.items.length && this.grid.focus(0),
    });
    this.details = new Details({ library, targets, load: fetchDetails, save: (...a) => this.save(...a) });
    this.note = h("div", { class: "live-lora-note", role: "status" });
    this.active = h("div", { class: "live-lora-active" });
    const parts = [this.toolbar.folders.element, this.grid.element, this.details.element];
    const beside = h("div", { class: "live-lora-beside" }, ...parts);
    this.element = h("section", { class: "live-lora live-lora-tab", "aria-label": t("tab.name") });
    this.element.append(this.toolbar.element, this.into(), this.active, this.note, beside);
    this.resize();
    this.listen();
  }

  resize() {
    this.grid.resize(this.toolbar.size.value);
  }

  /** Every picture anew. */
  redraw() {
    this.resize();
    this.library.tell();
    if (this.details.row) this.details.reload();
  }

  listen() {
    this.element.addEventListener("keydown", (event) => this.shield(event));
    document.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.shown()).observe(this.element);
    this.shelf.load();
    this.targets.watch(() => this.renderPrompt());
    this.library.watch(() => this.renderLibrary());
  }

  /** Opened or resized: another model may be loaded, and the prompt may be out of sight now. */
  shown() {
    if (this.element.clientWidth === 0) return;
    this.toolbar.folders.fit(this.element.clientWidth);
    this.library.freshen();
    this.renderActive();
  }

  /** Which prompt, and whether its trigger words come along. */
  into() {
    this.target = choice(t("tab.target"), () =>
      this.targets.choose(this.targets.boxes[this.target.value]),
    );
    const box = h("input", { type: "checkbox", checked: addsWords() });
    box.addEventListener("change", () => remembered.keep("words", box.checked ? "yes" : "no"));
    const words = h("label", { class: "live-lora-check" }, box, t("tab.words"));
    return h(
      "div",
      { class: "live-lora-line live-lora-into" },
      h("label", {}, t("tab.into"), " ", this.target),
      words,
      this.toolbar.count,
      this.toolbar.progress,
    );
  }

  renderLibrary() {
    const { library, toolbar } = this;
    toolbar.busy(library.state === "loading");
    const first = library.state === "loading" && library.rows.length === 0;
    if (first) return this.say(t("tab.reading"));
    if (library.state === "failed") return this.fail(library.error);
    toolbar.offer(this.shelf.beside(library.rows), library);
    this.details.refresh();
    return this.filter({ stay: true });
  }

  filter({ stay = false } = {}) {
    const rows = this.shelf.beside(this.library.rows);
    const { query } = this.toolbar;
    const more = this.far.of(query.text);
    const found = search(this.toolbar.sorting.of(rows), { ...query, more });
    this.toolbar.showCount(found.length, rows.length);
    this.toolbar.showProgress(this.library);
    this.grid.show(found, stay);
    if (rows.length === 0) this.say(t("tab.empty"));
    else if (found.length === 0 && more === null) this.say(t("tab.searching"));
    else if (found.length === 0)
      this.say(t("tab.no_match"), [t("tab.show_all"), () => this.toolbar.clear()]);
    else this.say("");
  }

  /** The files whose cards are on the screen now. */
  visibleIds() {
    if (this.element.clientWidth === 0) return [];
    return this.grid.visible.map(({ row }) => row.id);
  }

  say(message, action) {
    const [name, onClick] = action ?? [];
    const button = name && h("button", { type: "button", class: "live-lora-button", onClick }, name);
    set(this.note, "hidden", message === "");
    this.note.replaceChildren(...[message, button].filter(Boolean));
    set(this.note, "data-error", this.library.state === "failed");
  }

  fail(message) {
    this.say(message, [t("tab.again"), () => this.library.load()]);
  }

  card(row) {
    const card = row.what ? new OtherCard(row, this) : new Card(row, this);
    card.render(this.tagsOf(row)[0]);
    return card;
  }

  /** The tags of the current prompt that lead to this file. */
  tagsOf(row) {
    return this.byFile.of(this.targets.current).get(row.id) ?? [];
  }

  open(row) {
    this.details.show(row);
  }

  favour(row, favourite) {
    return this.save(row, { favourite });
  }

  /** Writes what the user says of a file beside it; what the server answers is what is shown. */
  async save(row, changes) {
    try {
      const found = await saveDetails(row.id, changes);
      Promise.all([this.library.freshen(), row.what && this.shelf.load()]);
      return found;
    } catch (error) {
      this.say(error.message);
      return null;
    }
  }

  weightOf(row) {
    return this.next.get(row.id) ?? row.weight ?? 1;
  }

  /** In, or out with whatever arguments; `replace` takes every other tag out in the same step. */
  async toggle(row, replace) {
    if (needsHash(row.name) && !row.hash && !this.tagsOf(row).length)
      await this.library.learnHash(row).catch((error) => this.say(error.message));
    const box = this.targets.current;
    if (!box) return;
    const tags = this.tagsOf(row);
    const out = replace ? box.tags : tags;
    const gone = out.map((tag) => this.library.find(tag).row).filter(Boolean);
    const removals = out.map((tag) => remove(box.text, tag, this.library.wordsOf(tag)));
    const adds = replace || !tags.length;
    const tag = writeTag(row.name, this.weightOf(row), row.hash);
    const words = this.library.wordsToAdd(row);
    box.apply(adds ? replaceWith(box.text, removals, tag, words) : join(box.text, removals));
    moveNegatives(this.targets, box, gone, adds ? row : null);
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
    const find = (tag) => this.toolbar.seek(this.library.find(tag).row?.name ?? tag.name);
    if (!this.panels.has(box))
      this.panels.set(box, new ActivePanel(box, this.library, find).element);
    return this.panels.get(box);
  }

  /** What the webui does with Ctrl+Enter and the like has no place in a tab without a prompt. */
  shield(event) {
    if (!this.element.closest("#live-lora-tab")) return;
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
