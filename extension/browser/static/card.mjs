/** One LoRA of the library: picture, name, base model, weight; a click puts it in or out. */

import { h, say, set } from "./dom.mjs";
import { needsHash } from "./edits.mjs";
import { t } from "./language.mjs";
import { moveWhilePointedAt, picture } from "./picture.mjs";
import { named, weights } from "./tags.mjs";
import { WeightControl } from "./weight.mjs";

const LONG = 40; // letters of a name that two lines hold
const PARTS = /([_\-.\s]+)/; // a name may be broken behind these

let cards = 0;

export class Card {
  /**
   * @param {import("./query.mjs").Row} row
   * @param {{toggle(row, replace): void, weigh(row, value): void, weightOf(row): number,
   *   open(row): void, favour(row, yes): void}} actions
   */
  constructor(row, actions) {
    Object.assign(this, { row, actions, stamp: row.stamp, controls: [] });
    this.build();
    this.pick.addEventListener("click", (event) => this.click(event));
    this.pick.addEventListener("keydown", (event) => this.key(event));
  }

  build() {
    const { row } = this;
    const why = row.error ?? row.misfit;
    const about = `live-lora-about-${(cards += 1)}`;
    this.pick = h(
      "button",
      { type: "button", class: "live-lora-pick", title: tooltip(row), "aria-describedby": about },
      picture(row.stem, row),
      title(row.name),
    );
    const hashed = needsHash(row.name) && !row.what ? t("card.hashed") : "";
    this.sub = h("span", { class: "live-lora-sub", id: about }, why ?? (hashed || row.words || row.folder));
    this.tools = this.buttons();
    this.foot = h("div", { class: "live-lora-foot" }, ...this.weights());
    this.element = h(
      "div",
      { role: "gridcell", class: "live-lora-card" },
      this.pick,
      badge(row),
      h("span", { class: "live-lora-mark", "aria-hidden": "true" }, "✓"),
      this.sub,
      this.foot,
      this.tools,
    );
    moveWhilePointedAt(this.element);
    set(this.element, "data-misfit", Boolean(why));
    set(this.element, "data-unusable", Boolean(row.error));
  }

  weights() {
    const { row, actions } = this;
    this.opaque = h("code", { class: "live-lora-opaque", hidden: true });
    if (row.error) return [this.opaque];
    this.weight = new WeightControl((value) => actions.weigh(row, value));
    this.weight.limit(row.range, row.step);
    this.weight.name(t("weight.name", { name: row.name }));
    this.controls.push(this.weight.range, this.weight.number);
    return [this.weight.element, this.opaque];
  }

  buttons() {
    const { row, actions } = this;
    const star = h(
      "button",
      {
        type: "button",
        class: "live-lora-tool",
        "aria-label": t("card.favourite_name", { name: row.name }),
        "aria-pressed": String(row.favourite),
        title: t("card.favourite"),
        onClick: () => actions.favour(row, !row.favourite),
      },
      row.favourite ? "★" : "☆",
    );
    const more = h(
      "button",
      {
        type: "button",
        class: "live-lora-tool",
        "aria-label": t("card.details_name", { name: row.name }),
        title: t("card.details"),
        onClick: () => actions.open(row),
      },
      h("i", {}, "i"),
    );
    this.controls.push(star, more);
    return h("div", { class: "live-lora-corner" }, star, more);
  }

  /** What cannot be used is not put into a prompt; its reason is shown instead. */
  click({ shiftKey }) {
    if (this.row.error && !this.active) this.actions.open(this.row);
    else this.actions.toggle(this.row, shiftKey);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = { "+": 1, "=": 1, "-": -1 }[event.key];
    const { row, actions } = this;
    if (event.key === "i") actions.open(row);
    else if (event.key === "f") actions.favour(row, !row.favourite);
    else if (!steps) return;
    event.preventDefault();
    if (steps && this.weight && this.opaque.hidden) this.weight.nudge(steps);
  }

  /** @param {import("./tags.mjs").Tag} [tag] this LoRA's tag in the prompt, if it has one */
  render(tag) {
    this.active = Boolean(tag);
    const sweep = tag && named(tag, "sweep");
    const weight = sweep ? { value: null, text: sweep.value.trim() } : this.weightOf(tag);
    set(this.pick, "aria-pressed", String(this.active));
    set(this.element, "data-active", this.active);
    this.opaque.hidden = weight.value !== null;
    if (this.weight) this.weight.element.hidden = weight.value === null;
    if (weight.value === null) say(this.opaque, weight.text || t("weight.empty"));
    else this.weight?.show(weight.value);
  }

  weightOf(tag) {
    return tag ? weights(tag).at(-1) : { value: this.actions.weightOf(this.row) };
  }

  focus() {
    this.pick.focus({ preventScroll: true });
  }

  /** Only one card's controls are in the tab order. */
  reachable(yes) {
    for (const control of [this.pick, ...this.controls]) control.tabIndex = yes ? 0 : -1;
  }
}

/** The whole name: what tells two files apart often stands at its end. */
function title(name) {
  const parts = name.split(PARTS).flatMap((part, at) => (at % 2 ? [part, h("wbr")] : [part]));
  return h("span", { class: "live-lora-title", "data-long": name.length > LONG }, ...parts);
}

function badge({ base, error }) {
  if (!error && base === "Unknown") return "";
  const text = error && base === "Unknown" ? t("card.unusable") : base;
  return h("span", { class: "live-lora-base" }, text);
}

function tooltip({ name, alias, relative, words, triggers, misfit, error }) {
  const known = words || triggers.join(", ");
  const lines = [
    name,
    relative,
    alias && t("card.alias", { alias }),
    known && t("card.words", { words: known }),
    needsHash(name) && t("card.hashed"),
    error ?? misfit,
  ];
  return lines.filter(Boolean).join("\n");
}
