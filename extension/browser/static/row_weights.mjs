/** The weights of a row: a slider for a number, the line of a curve, or the text as it stands. */

import { pathOf, readCurve } from "./curve.mjs";
import { h, say, set } from "./dom.mjs";
import { t } from "./language.mjs";
import { named, weights } from "./tags.mjs";
import { WeightControl } from "./weight.mjs";

/** By role: what a weight is called, and what stands before it, where a sweep multiplies it too. */
const NAMES = { weight: "weight.name", te: "weight.name_te", unet: "weight.name_unet" };
const PARTS = { te: "weight.te", unet: "weight.unet" };
const TIMES = { weight: "weight.times", te: "weight.te_times", unet: "weight.unet_times" };
const SVG = "http://www.w3.org/2000/svg";
const STEPS = 20; // of a curve that is drawn small

export class RowWeights {
  /**
   * @param {(role: string, value: number) => void} write
   * @param {(role: string) => void} open shows the editor of a curve
   */
  constructor(write, open) {
    Object.assign(this, { write, open, controls: [] });
    this.element = h("div", { class: "live-lora-weights" });
  }

  /** A sweep without a weight has no number to show: its values are in its chip. */
  render(tag, opened, editorId, file = null) {
    const sweep = named(tag, "sweep");
    const found = weights(tag).filter(({ lead }) => !(sweep && lead));
    while (this.controls.length < found.length) this.add();
    while (this.controls.length > found.length) this.controls.pop().element.remove();
    found.forEach((weight, at) =>
      this.controls[at].render(weight, tag.name, { times: sweep, opened, editorId, file }),
    );
  }

  add() {
    const control = new LabelledWeight(this.write, this.open);
    this.controls.push(control);
    this.element.append(control.element);
  }

  /** Back to where an editor was opened from. */
  focus(role) {
    const control = this.controls.find((one) => one.role === role);
    control?.curve.focus({ preventScroll: true });
  }
}

/** A weight with the part it is for. */
class LabelledWeight {
  constructor(write, open) {
    this.control = new WeightControl((value) => write(this.role, value));
    this.part = h("span", { class: "live-lora-part" });
    this.opaque = h("code", { class: "live-lora-opaque" });
    this.path = document.createElementNS(SVG, "path");
    this.words = h("code");
    this.curve = h(
      "button",
      { type: "button", class: "live-lora-curve", onClick: () => open(this.role) },
      plot(this.path),
      this.words,
    );
    const parts = [this.part, this.control.element, this.curve, this.opaque];
    this.element = h("div", { class: "live-lora-labelled" }, ...parts);
  }

  render({ role, value, text }, name, { times, opened, editorId, file }) {
    const points = value === null ? readCurve(text) : null;
    this.role = role;
    const part = (times ? TIMES : PARTS)[role];
    say(this.part, part ? t(part) : "");
    this.part.hidden = !part;
    this.control.name(t(NAMES[role], { name }));
    this.control.limit(file?.range, file?.step);
    this.control.element.hidden = value === null;
    this.curve.hidden = points === null;
    this.opaque.hidden = value !== null || points !== null;
    if (value !== null) this.control.show(value);
    else if (points) this.renderCurve(points, text, opened === role, editorId);
    else say(this.opaque, text || t("weight.empty"));
  }

  renderCurve(points, text, opened, editorId) {
    say(this.words, text);
    set(this.curve, "title", t("weight.edit_curve", { text }));
    set(this.curve, "aria-expanded", String(opened));
    set(this.curve, "aria-controls", opened && editorId);
    this.path.setAttribute("d", pathOf(points, STEPS));
  }
}

/** A drawing as wide as its place, whatever that is. */
export function plot(path) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries({
    viewBox: "0 0 100 100",
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  }))
    svg.setAttribute(name, value);
  path.setAttribute("vector-effect", "non-scaling-stroke");
  svg.append(path);
  return svg;
}
