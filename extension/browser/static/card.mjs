/** One LoRA of the library: picture, name, base model, weight; a click puts it in or out. */

import { h, say, set } from "./dom.mjs";
import { picture } from "./picture.mjs";
import { weights } from "./tags.mjs";
import { WeightControl } from "./weight.mjs";

export class Card {
  /**
   * @param {import("./query.mjs").Row} row
   * @param {{toggle(row, replace): void, weigh(row, value): void, weightOf(row): number}} actions
   */
  constructor(row, actions) {
    Object.assign(this, { row, actions, stamp: row.stamp });
    this.pick = h("button", {
      type: "button",
      class: "live-lora-pick",
      "aria-label": row.name,
      title: tooltip(row),
    });
    this.pick.append(...this.face());
    this.weight = new WeightControl((value) => actions.weigh(row, value));
    this.weight.name(`${row.name} weight`);
    this.opaque = h("code", { class: "live-lora-opaque", hidden: true });
    this.foot = h("div", { class: "live-lora-foot" }, this.weight.element, this.opaque);
    this.element = h("div", { role: "gridcell", class: "live-lora-card" }, this.pick, this.foot);
    set(this.element, "data-misfit", Boolean(row.misfit ?? row.error));
    this.pick.addEventListener("click", (event) => actions.toggle(row, event.shiftKey));
    this.pick.addEventListener("keydown", (event) => this.key(event));
  }

  face() {
    const { row } = this;
    const why = row.error ?? row.misfit;
    return [
      picture(row.stem, row),
      badge(row, why),
      h("span", { class: "live-lora-mark", "aria-hidden": "true" }, "✓"),
      h("span", { class: "live-lora-title" }, row.name),
      h("span", { class: "live-lora-sub" }, why ?? (row.words || row.folder)),
    ];
  }

  key(event) {
    const steps = { "+": 1, "=": 1, "-": -1 }[event.key];
    if (!steps || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (!this.opaque.hidden) return;
    this.weight.nudge(steps);
  }

  /** @param {import("./tags.mjs").Tag} [tag] this LoRA's tag in the prompt, if it has one */
  render(tag) {
    const weight = tag ? weights(tag).at(-1) : { value: this.actions.weightOf(this.row) };
    set(this.pick, "aria-pressed", String(Boolean(tag)));
    set(this.element, "data-active", Boolean(tag));
    this.weight.element.hidden = weight.value === null;
    this.opaque.hidden = weight.value !== null;
    if (weight.value === null) say(this.opaque, weight.text || "(empty)");
    else this.weight.show(weight.value);
  }

  focus() {
    this.pick.focus({ preventScroll: true });
  }

  /** Only one card's controls are in the tab order. */
  reachable(yes) {
    for (const control of [this.pick, this.weight.range, this.weight.number])
      control.tabIndex = yes ? 0 : -1;
  }
}

function badge({ base, error }, why) {
  if (!error && base === "Unknown") return "";
  return h("span", { class: "live-lora-base", title: why }, error ? "unusable" : base);
}

function tooltip({ name, alias, relative, words, triggers, misfit, error }) {
  const known = words || triggers.join(", ");
  const lines = [
    name,
    relative,
    alias && `also called ${alias}`,
    known && `trigger words: ${known}`,
    error ?? misfit,
  ];
  return lines.filter(Boolean).join("\n");
}
