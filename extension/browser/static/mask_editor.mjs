/** A mask drawn over the last picture: by pointer, or by numbers; kept as a picture with a name. */

import { address, json } from "./api.mjs";
import { h, say, set } from "./dom.mjs";
import { FieldEditor } from "./field_editor.mjs";
import { t } from "./language.mjs";
import { MaskCanvas } from "./mask_canvas.mjs";

const BOX = /^[\d.\s]+(,[\d.\s]+){3}$/;
const WORDS = new Set(["left", "right", "top", "bottom", "middle"]);
const SIDES = ["mask.left", "mask.top", "mask.right", "mask.bottom"];

export class MaskEditor {
  /** @param {(value: string) => void} write */
  constructor(write) {
    this.write = write;
    this.field = new FieldEditor("mask", write);
    this.canvas = new MaskCanvas(() => say(this.status, ""));
    this.name = h("input", { type: "text", class: "live-lora-value", value: "mask" });
    this.status = h("span", { role: "status" });
    this.numbers = SIDES.map((side, at) =>
      number(t(side), at < 2 ? 25 : 75, { min: 0, max: 100 }),
    );
    this.size = number(t("mask.brush"), 12, { min: 1, max: 50 });
    this.size.input.addEventListener("change", () => this.canvas.thick(this.size.input.valueAsNumber));
    this.drawing = h("details", { class: "live-lora-mask" }, h("summary", {}, t("mask.draw")));
    this.drawing.append(
      this.canvas.element,
      h("div", { class: "live-lora-line" }, this.eraser(), this.size.label, ...this.buttons()),
      h("div", { class: "live-lora-line" }, ...this.boxed()),
      h("div", { class: "live-lora-line" }, ...this.kept()),
    );
    this.drawing.addEventListener("toggle", () => this.drawing.open && this.begin());
    this.element = h("div", {}, this.field.element, this.drawing);
  }

  eraser() {
    const box = h("input", { type: "checkbox", onChange: () => (this.canvas.erasing = box.checked) });
    return h("label", {}, box, t("mask.erase"));
  }

  buttons() {
    return [
      button(t("mask.invert"), () => this.canvas.invert()),
      button(t("mask.clear"), () => this.canvas.clear()),
    ];
  }

  /** The same for those who do not draw: a box in percent of the picture. */
  boxed() {
    const box = () => this.numbers.map(({ input }) => (input.valueAsNumber || 0) / 100);
    return [
      ...this.numbers.map(({ label }) => label),
      button(t("mask.add_box"), () => this.canvas.fill(...box(), false)),
      button(t("mask.cut_box"), () => this.canvas.fill(...box(), true)),
    ];
  }

  kept() {
    const label = h("label", { class: "live-lora-entry" }, t("mask.name"), this.name);
    return [label, button(t("mask.keep"), () => this.keep()), this.status];
  }

  render(edited) {
    this.value = edited.value.trim();
    this.field.render(edited);
  }

  /** Over the picture that was drawn last, from the mask picture that the tag names, if it does. */
  async begin() {
    const shown = [...document.querySelectorAll("#pictures img, [id$=img_gallery] img")].filter(({ naturalWidth }) => naturalWidth);
    await this.canvas.begin(shown.at(0) ?? null, sizeOf(this.element));
    if (!this.value || BOX.test(this.value) || WORDS.has(this.value.toLowerCase())) return;
    set(this.name, "value", this.value);
    await this.canvas.load(address(`mask?name=${encodeURIComponent(this.value)}`));
  }

  /** Its name goes into the tag; one that is taken gets a number. */
  async keep() {
    const body = await this.canvas.picture();
    const options = { method: "POST", headers: { "Content-Type": "image/png" }, body };
    try {
      const { name } = await json(`masks?name=${encodeURIComponent(this.name.value.trim())}`, options);
      say(this.status, t("mask.kept", { name }));
      this.write(name);
    } catch (error) {
      say(this.status, error.message);
    }
  }
}

function button(text, onClick) {
  return h("button", { type: "button", class: "live-lora-button", onClick }, text);
}

function number(text, value, limits) {
  const input = h("input", { type: "number", class: "live-lora-number", value, ...limits });
  return { input, label: h("label", { class: "live-lora-percent" }, text, input) };
}

/** Without a picture: the size that the page would draw. */
function sizeOf(element) {
  const tab = element.closest("[id^=tab_]")?.id.slice("tab_".length) ?? "";
  const side = (name) =>
    document.querySelector(`#${CSS.escape(`${tab}_${name}`)} input[type=number]`)?.valueAsNumber;
  return [side("width") || 512, side("height") || 512];
}
