/** Block weights as sliders, one for each block of the model and each element, with the presets. */

import { fetchLanguage } from "./api.mjs";
import { presetOf, writeBlocks } from "./blocks.mjs";
import { h, set } from "./dom.mjs";
import { FieldEditor } from "./field_editor.mjs";
import { t } from "./language.mjs";
import { WeightControl } from "./weight.mjs";

const NAMES = { BASE: "block.BASE", M00: "block.M00" };
const ELEMENTS = {
  attn: "element.attn",
  self: "element.self",
  cross: "element.cross",
  ff: "element.ff",
  proj: "element.proj",
  conv: "element.conv",
};
const RANGE = { low: 0, high: 1 };

export class BlockEditor {
  /** @param {(text: string) => void} write @param {() => string} baseOf that of the model */
  constructor(write, baseOf) {
    Object.assign(this, { write, baseOf, sliders: new Map(), text: null, state: null });
    this.preset = h("select", { class: "live-lora-select", onChange: () => this.take() });
    this.blocks = h("div", { role: "group", "aria-label": t("blocks.blocks"), class: "live-lora-sliders" });
    this.elements = h("div", {
      role: "group",
      "aria-label": t("blocks.elements"),
      class: "live-lora-sliders",
    });
    this.note = h("p", { class: "live-lora-help" });
    this.written = new FieldEditor("lbw", write);
    this.sets = h("div", { hidden: true }, this.blocks, this.heading(), this.elements);
    const label = h("label", { class: "live-lora-entry" }, t("blocks.preset"), this.preset);
    const line = h("div", { class: "live-lora-line" }, label, this.written.element);
    this.element = h("div", { class: "live-lora-blocks" }, line, this.note, this.sets);
    fetchLanguage().then(
      (language) => this.learn(language),
      (error) => this.say(error.message),
    );
  }

  heading() {
    return h("p", { class: "live-lora-help" }, t("blocks.kinds"));
  }

  learn(language) {
    this.language = language;
    const names = Object.keys(language.presets);
    this.preset.replaceChildren(
      h("option", { value: "" }, t("blocks.own")),
      ...names.map((value) => h("option", { value }, value)),
    );
    this.shown = language.blocks[this.baseOf()] ?? language.blocks[""];
    this.shown.forEach((name) => this.addSlider(this.blocks, name, nameOf(NAMES, name)));
    language.elements.forEach((name) => this.addElement(name));
    if (this.latest) this.render(this.latest);
  }

  addSlider(place, name, label) {
    const control = new WeightControl((value) => this.set(name, value), RANGE);
    control.name(label);
    const caption = h("span", { class: "live-lora-part", "aria-hidden": "true" }, label);
    const element = h("div", { class: "live-lora-slider" }, caption, control.element);
    place.append(element);
    this.sliders.set(name, control);
    return element;
  }

  /** An element has a weight of its own only where it is said. */
  addElement(name) {
    const label = nameOf(ELEMENTS, name);
    const element = this.addSlider(this.elements, name, label);
    const toggle = h("button", {
      type: "button",
      class: "live-lora-icon",
      onClick: () => this.set(name, name in this.state.elements ? null : 0.5),
    });
    element.append(toggle);
    Object.assign(this.sliders.get(name), { toggle, label });
  }

  /** The program's reading comes a moment after the text; what was written here is known. */
  render({ value, read }) {
    this.latest = { value, read };
    this.written.render({ value });
    const text = value.trim();
    if (!this.language || text === this.text) return;
    if (!read || read.blocks === undefined) return;
    this.text = text;
    this.state = read.blocks;
    this.draw();
  }

  draw() {
    const { state } = this;
    this.sets.hidden = state === null;
    this.say(state ? "" : t("blocks.too_fine"));
    if (!state) return;
    const { presets } = this.language;
    const named = this.text in presets ? this.text : presetOf(state.weights, this.shown, presets);
    set(this.preset, "value", Object.keys(state.elements).length ? "" : (named ?? ""));
    for (const name of this.shown) this.sliders.get(name).show(state.weights[name]);
    for (const name of this.language.elements) this.drawElement(name, state.elements[name]);
  }

  drawElement(name, weight) {
    const control = this.sliders.get(name);
    const said = weight !== undefined;
    control.range.hidden = control.number.hidden = !said;
    if (said) control.show(weight);
    control.toggle.textContent = said ? "−" : "+";
    const named = { name: control.label };
    const label = said ? t("blocks.leave", named) : t("blocks.set", named);
    set(control.toggle, "aria-label", label);
    set(control.toggle, "title", label);
  }

  say(message) {
    this.note.hidden = message === "";
    this.note.textContent = message;
  }

  /** null takes an element's own weight away. */
  set(name, value) {
    const weights = { ...this.state.weights };
    const elements = { ...this.state.elements };
    if (name in weights) weights[name] = value;
    else if (value === null) delete elements[name];
    else elements[name] = value;
    this.state = { weights, elements };
    this.text = writeBlocks(this.state, this.shown, this.language.presets) || "REST@1";
    this.draw();
    this.write(this.text);
  }

  take() {
    if (this.preset.value) this.write(this.preset.value);
    else this.draw();
  }
}

/** In words where it has them, else as the language of tags writes it. */
function nameOf(keys, name) {
  return Object.hasOwn(keys, name) ? t(keys[name]) : name;
}
