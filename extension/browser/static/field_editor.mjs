/** The editor of an argument that is one value: a text with its help, and what is handier by hand. */

import { t } from "./language.mjs";
import { asNumber } from "./tags.mjs";
import { FIELDS } from "./fields.mjs";
import { h, set } from "./dom.mjs";
import { WeightControl } from "./weight.mjs";

const UNKNOWN = { help: "help.unknown" };

export class FieldEditor {
  /** @param {string} name of the argument @param {(value: string) => void} write */
  constructor(name, write) {
    Object.assign(this, { name, write, field: FIELDS[name] ?? UNKNOWN });
    this.input = this.makeInput();
    this.extra = this.makeExtra();
    const label = h("label", { class: "live-lora-entry" }, t(this.field.help), this.input);
    this.element = h("div", { class: "live-lora-line" }, label, this.extra?.element);
  }

  makeInput() {
    const { choices, whole } = this.field;
    const write = () => this.commit();
    if (choices) return this.makeSelect(choices, write);
    const type = whole
      ? { type: "number", min: 1, step: 1 }
      : { type: "text", spellcheck: "false" };
    return h("input", { ...type, class: "live-lora-value", onChange: write });
  }

  makeSelect(choices, write) {
    const options = choices.map(([value, label]) => h("option", { value }, t(label)));
    return h("select", { class: "live-lora-select", onChange: write }, ...options);
  }

  /** A slider beside the text, where the value is a number of a known range. */
  makeExtra() {
    const { share, weight } = this.field;
    const write = (value) => this.write(String(Number(value.toFixed(4))));
    if (weight) return new WeightControl(write);
    return share ? new WeightControl(write, { low: 0, high: 1 }) : null;
  }

  render({ value }) {
    const text = value.trim();
    if (this.field.choices) this.keep(text);
    if (document.activeElement !== this.input || this.shown !== text) this.input.value = text;
    this.shown = text;
    this.renderExtra(asNumber(text));
  }

  renderExtra(number) {
    if (!this.extra) return;
    const apt = number !== null && !(this.field.share && (number < 0 || number > 1));
    this.extra.element.hidden = !apt;
    this.extra.name(this.field.add ? t(this.field.add) : this.name);
    this.extra.number.hidden = true; // the text beside it is its number
    if (apt) this.extra.show(number);
  }

  /** A value that is none of the choices (`cond;part`) is one more. */
  keep(text) {
    const known = [...this.input.options].some(({ value }) => value === text);
    if (!known) this.input.append(h("option", { value: text }, text));
  }

  commit() {
    const value = this.input.value.trim();
    if (value && value !== this.shown) this.write(value);
    else set(this.input, "value", this.shown);
  }
}
