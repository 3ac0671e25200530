/** Completion in a prompt: a list at the caret. Off where the webui's tagcomplete does the same. */

import { choicesFor, contextAt } from "./completion.mjs";
import { h, set } from "./dom.mjs";
import { t } from "./language.mjs";
import { picture } from "./picture.mjs";
import { remembered } from "./settings.mjs";

const REST = 60; // ms without a key, before the library is searched
let lists = 0;

export class Completion {
  /**
   * @param {import("./prompt_box.mjs").PromptBox} box
   * @param {import("./library.mjs").Library} library
   * @param {() => Promise<Record<string, any>>} presets of block weights
   */
  constructor(box, library, presets) {
    Object.assign(this, { box, library, presets, choices: [], at: 0 });
    this.list = h("div", {
      role: "listbox",
      id: `live-lora-choices-${(lists += 1)}`,
      "aria-label": t("completion.list"),
      class: "live-lora live-lora-choices",
      hidden: true,
    });
    document.body.append(this.list);
    this.signal = new AbortController();
    this.listen({ signal: this.signal.signal });
  }

  listen(options) {
    const { area } = this.box;
    area.addEventListener("input", (event) => this.later(event), options);
    area.addEventListener("keydown", (event) => this.key(event), { ...options, capture: true });
    area.addEventListener("blur", () => this.close(), options);
    area.addEventListener("pointerdown", () => this.close(), options);
    area.addEventListener("scroll", () => this.close(), options);
  }

  end() {
    this.close();
    this.signal.abort();
    this.list.remove();
  }

  /** Never in the handler itself: to search ten thousand names takes some milliseconds. */
  later({ isComposing, inputType }) {
    clearTimeout(this.timer);
    const typed = inputType === "insertText" || inputType?.startsWith("deleteContent");
    if (isComposing || !typed || !isWanted()) return this.close();
    this.timer = setTimeout(() => this.look(), REST);
    return undefined;
  }

  async look() {
    const { area } = this.box;
    const seen = { text: area.value, caret: area.selectionStart };
    const context = contextAt(seen.text, seen.caret);
    if (!context || seen.caret !== area.selectionEnd) return this.close();
    const presets = context.key === "lbw" ? await this.presets() : {};
    Object.assign(this, seen, { context });
    this.choices = choicesFor(context, this.library.rows, presets);
    return this.choices.length && document.activeElement === area ? this.open() : this.close();
  }

  open() {
    const { area } = this.box;
    this.list.replaceChildren(...this.choices.map((choice, at) => this.option(choice, at)));
    this.list.hidden = false;
    const { left, top } = caretPlace(area, this.context.start);
    this.list.style.left = `${Math.max(4, Math.min(left, innerWidth - this.list.offsetWidth - 4))}px`;
    this.list.style.top = `${top + 4}px`;
    set(area, "aria-autocomplete", "list");
    set(area, "aria-controls", this.list.id);
    this.mark(0);
    return undefined;
  }

  option({ label, about, row }, at) {
    const option = h(
      "div",
      { role: "option", id: `${this.list.id}-${at}`, class: "live-lora-option" },
      row && h("span", { class: "live-lora-thumb" }, picture(row.stem, row)),
      h("span", { class: "live-lora-option-name" }, label),
      h("small", {}, about),
    );
    option.addEventListener("pointerdown", (event) => {
      event.preventDefault(); // the prompt keeps the focus
      this.choose(at);
    });
    return option;
  }

  mark(at) {
    this.at = (at + this.choices.length) % this.choices.length;
    [...this.list.children].forEach((option, n) => set(option, "aria-selected", String(n === this.at)));
    const chosen = this.list.children[this.at];
    set(this.box.area, "aria-activedescendant", chosen.id);
    chosen.scrollIntoView({ block: "nearest" });
  }

  key(event) {
    if (this.list.hidden || event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey;
    if (step && plain) this.mark(this.at + step);
    else if ((event.key === "Enter" || event.key === "Tab") && plain) this.choose(this.at);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
    event.stopImmediatePropagation(); // the webui's own Enter and Escape draw and interrupt
  }

  /** Typed on since the list was made, and within REST, it is made anew before anything is taken. */
  async choose(at) {
    const { text } = this.choices[at];
    if (this.stale) await this.look();
    if (this.list.hidden || this.stale) return;
    this.take(this.choices.find((choice) => choice.text === text) ?? this.choices[0]);
  }

  get stale() {
    const { area } = this.box;
    return area.value !== this.text || area.selectionStart !== this.caret;
  }

  take({ text }) {
    const { start, end } = this.context;
    this.close();
    this.box.apply({ start, end, text });
    if (text.endsWith("=")) this.timer = setTimeout(() => this.look(), REST);
  }

  close() {
    clearTimeout(this.timer);
    if (this.list.hidden) return;
    this.list.hidden = true;
    set(this.box.area, "aria-activedescendant", null);
    set(this.box.area, "aria-controls", null);
  }
}

function isWanted() {
  return remembered("completion", globalThis.TAC_CFG ? "no" : "yes") === "yes";
}

/** Where a character of a textarea is on the screen: measured in a copy of its text. */
function caretPlace(area, position) {
  const style = getComputedStyle(area);
  const copy = h("div", { class: "live-lora-copy", "aria-hidden": "true" });
  for (const name of ["font", "padding", "border", "letterSpacing", "lineHeight", "boxSizing", "wordSpacing"])
    copy.style[name] = style[name];
  copy.style.width = `${area.offsetWidth}px`;
  const mark = h("span", {}, "\u200b");
  copy.append(area.value.slice(0, position), mark);
  document.body.append(copy);
  const box = area.getBoundingClientRect();
  const place = { left: box.left + mark.offsetLeft, top: box.top + mark.offsetTop - area.scrollTop };
  const top = Math.min(place.top + mark.offsetHeight, box.bottom);
  copy.remove();
  return { left: place.left, top };
}
