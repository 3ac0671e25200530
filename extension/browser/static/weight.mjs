/** One weight as a slider and a number: shows while it moves, writes when it is let go. */

import { formatNumber } from "./edits.mjs";
import { h, set } from "./dom.mjs";

const LOW = -1;
const HIGH = 2;
export const STEP = 0.05;

/** A value on the slider's own scale: 0.1 + 0.05 is 0.15. */
export function stepped(value, step = STEP) {
  return Math.round(value / step) * step;
}

export class WeightControl {
  /**
   * @param {(value: number) => void} write called once per drag, key press or typed number
   * @param {{low: number, high: number}} [range] the usual one
   */
  constructor(write, { low, high } = { low: LOW, high: HIGH }) {
    Object.assign(this, { write, low, high, step: STEP });
    this.range = h("input", { type: "range", step: STEP, class: "live-lora-range" });
    this.number = h("input", {
      type: "number",
      step: STEP,
      class: "live-lora-number",
      inputmode: "decimal",
    });
    this.element = h("div", { class: "live-lora-weight" }, this.range, this.number);
    this.listen();
  }

  listen() {
    const { range, number } = this;
    range.addEventListener("pointerdown", () => (this.dragging = true));
    for (const end of ["pointerup", "pointercancel", "blur"])
      range.addEventListener(end, () => (this.dragging = false));
    range.addEventListener("input", () => this.mirror(range, number));
    number.addEventListener("input", () => this.mirror(number, range));
    range.addEventListener("change", () => this.commit(range));
    number.addEventListener("change", () => this.commit(number));
    number.addEventListener("keydown", (event) => event.key === "Escape" && this.show(this.value));
  }

  /**
   * @param {[number, number] | null} ends that make sense for this file; null: the usual ones
   * @param {number | null} [step] likewise
   */
  limit(ends, step) {
    [this.low, this.high] = ends ?? [LOW, HIGH];
    this.step = step || STEP;
    for (const control of [this.range, this.number]) set(control, "step", this.step);
  }

  /** @param {string} label what the weight belongs to, for those who cannot see it */
  name(label) {
    set(this.range, "aria-label", label);
    set(this.number, "aria-label", label);
  }

  /** Shows a value; a value beyond the usual range widens the slider. Never writes. */
  show(value) {
    if (this.dragging) return;
    this.value = value;
    set(this.range, "min", value < this.low ? Math.floor(value) : this.low);
    set(this.range, "max", value > this.high ? Math.ceil(value) : this.high);
    set(this.range, "value", String(value));
    set(this.number, "value", formatNumber(value));
    this.describe(value);
  }

  /** One step up or down, as the keys + and − do. */
  nudge(steps) {
    this.write(stepped(this.value + steps * this.step, this.step));
  }

  mirror(from, to) {
    if (!Number.isFinite(from.valueAsNumber)) return;
    to.value = formatNumber(from.valueAsNumber);
    this.describe(from.valueAsNumber);
  }

  commit(from) {
    this.dragging = false;
    const value = from.valueAsNumber;
    if (Number.isFinite(value)) this.write(value);
    else this.show(this.value);
  }

  describe(value) {
    set(this.range, "aria-valuetext", formatNumber(value));
    const { min, max } = this.range;
    this.range.style.setProperty("--fill", `${(100 * (value - min)) / (max - min)}%`);
  }
}
