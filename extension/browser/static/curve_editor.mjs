/** A curve over the steps: points to drag, or to move with the arrow keys, and their numbers. */

import { bounds, EASINGS, pathOf, pointWords } from "./curve.mjs";
import { CurvePoints } from "./curve_points.mjs";
import { formatNumber } from "./edits.mjs";
import { h, say, set } from "./dom.mjs";
import { t } from "./language.mjs";
import { plot } from "./row_weights.mjs";
import { stepped, STEP } from "./weight.mjs";

const SVG = "http://www.w3.org/2000/svg";
const UNITS = { fraction: "curve.unit_fraction", step: "curve.unit_step", sigma: "curve.unit_sigma" };

export class CurveEditor {
  /** @param {(text: string) => void} write @param {() => number} stepsOf those of the pass */
  constructor(write, stepsOf) {
    Object.assign(this, { write, points: new CurvePoints(stepsOf), handles: [], text: null });
    this.build();
    this.plot.addEventListener("dblclick", (event) => this.addAt(event));
  }

  build() {
    this.path = document.createElementNS(SVG, "path");
    this.axis = h("div", { class: "live-lora-axis", "aria-hidden": "true" }, h("i"), h("i"));
    this.plot = h("div", { class: "live-lora-plot" }, plot(this.path), this.axis);
    this.title = h("span", { class: "live-lora-part" });
    this.weight = number(t("curve.weight"), STEP, (value) => this.move({ value }));
    this.place = number(t("curve.place"), 1, (value) => this.move({ amount: this.fromShown(value) }));
    this.unit = h("span", { class: "live-lora-part" });
    this.easing = h(
      "select",
      {
        class: "live-lora-select",
        "aria-label": t("curve.way"),
        onChange: () => this.move({ easing: this.easing.value }),
      },
      ...Object.keys(EASINGS).map((name) => h("option", { value: name }, name)),
    );
    this.add = button(t("curve.add"), () => this.addAfter());
    this.remove = button(t("curve.remove"), () => this.removeChosen());
    this.flat = button(t("curve.flat"), () => this.write(formatNumber(this.points.at.value)));
    const numbers = [this.title, this.weight.label, this.place.label, this.unit, this.easing];
    const actions = [this.add, this.remove, this.flat];
    const line = h("div", { class: "live-lora-line" }, ...numbers, ...actions);
    this.element = h("div", { class: "live-lora-curve-editor" }, this.plot, line);
  }

  /** What the text says, unless it is what was written here: then the points are known. */
  render({ value }) {
    const text = value.trim();
    if (this.dragging || text === this.text || !this.points.take(text)) return;
    this.text = text;
    this.draw();
  }

  draw() {
    const { all, stepsOf } = this.points;
    if (!this.dragging) this.range = bounds(all); // a scale that moves under the pointer would race
    this.path.setAttribute("d", pathOf(all, stepsOf(), this.range));
    const [high, low] = this.axis.children;
    say(high, formatNumber(this.range[1]));
    say(low, formatNumber(this.range[0]));
    while (this.handles.length < all.length) this.addHandle();
    while (this.handles.length > all.length) this.handles.pop().remove();
    all.forEach((point, at) => this.drawHandle(point, at));
    this.drawChosen();
  }

  addHandle() {
    const at = this.handles.length;
    const handle = h("div", {
      role: "slider",
      class: "live-lora-point",
      tabIndex: 0,
      onFocus: () => this.choose(at),
      onKeydown: (event) => this.onKey(event, at),
      onPointerdown: (event) => this.grab(event, at),
      onPointermove: (event) => this.drag(event),
      onPointerup: () => this.drop(),
      onPointercancel: () => this.drop(),
    });
    this.handles.push(handle);
    this.plot.append(handle);
  }

  drawHandle(point, at) {
    const [low, high] = this.range;
    const handle = this.handles[at];
    handle.style.left = `${100 * Math.min(1, Math.max(0, this.points.placeOf(point)))}%`;
    handle.style.top = `${(100 * (high - point.value)) / (high - low)}%`;
    const facts = {
      "aria-label": t("curve.point", { number: at + 1, count: this.points.all.length }),
      "aria-valuemin": low,
      "aria-valuemax": high,
      "aria-valuenow": formatNumber(point.value),
      "aria-valuetext": pointWords(point),
      "data-chosen": at === this.points.chosen,
    };
    for (const [name, value] of Object.entries(facts)) set(handle, name, value);
  }

  drawChosen() {
    const { at, chosen, all, mayRemove } = this.points;
    say(this.title, t("curve.point", { number: chosen + 1, count: all.length }));
    set(this.weight.input, "value", formatNumber(at.value));
    const shown = at.unit === "fraction" ? at.amount * 100 : at.amount;
    set(this.place.input, "value", formatNumber(shown));
    say(this.unit, t(UNITS[at.unit]));
    set(this.easing, "value", at.easing);
    this.easing.hidden = chosen === 0;
    this.remove.disabled = !mayRemove;
  }

  fromShown(value) {
    return this.points.at.unit === "fraction" ? value / 100 : value;
  }

  choose(at) {
    if (at === this.points.chosen) return;
    this.points.chosen = at;
    this.draw();
  }

  /** One step of undo. */
  commit() {
    this.text = this.points.text;
    this.draw();
    this.write(this.text);
  }

  move(what) {
    this.points.change(what);
    this.commit();
  }

  onKey(event, at) {
    this.points.chosen = at;
    if (!this.act(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  act(key) {
    const { points } = this;
    const actions = {
      ArrowUp: () => this.move({ value: stepped(points.at.value + STEP) }),
      ArrowDown: () => this.move({ value: stepped(points.at.value - STEP) }),
      ArrowRight: () => (points.nudge(1), this.commit()),
      ArrowLeft: () => (points.nudge(-1), this.commit()),
      Delete: () => this.removeChosen(),
      Backspace: () => this.removeChosen(),
      Enter: () => this.addAfter(),
    };
    actions[key]?.();
    return key in actions;
  }

  grab(event, at) {
    if (event.button) return;
    event.preventDefault();
    const handle = this.handles[at];
    handle.focus({ preventScroll: true });
    handle.setPointerCapture(event.pointerId);
    this.points.chosen = at;
    this.dragging = true;
  }

  drag(event) {
    if (!this.dragging) return;
    const { value, place } = this.under(event);
    this.points.change({ value, amount: this.points.amountAt(place) });
    this.draw();
  }

  drop() {
    if (!this.dragging) return;
    this.dragging = false;
    if (this.points.text !== this.text) this.commit();
  }

  /** Weight and place under the pointer. */
  under({ clientX, clientY }) {
    const { left, top, width, height } = this.plot.getBoundingClientRect();
    const [low, high] = this.range;
    const share = Math.min(1, Math.max(0, (clientY - top) / height));
    const place = Math.min(1, Math.max(0, (clientX - left) / width));
    return { value: stepped(high - share * (high - low)), place };
  }

  addAt(event) {
    if (event.target.getAttribute("role") === "slider") return;
    const { value, place } = this.under(event);
    this.points.insert(value, place);
    this.commitAndFocus();
  }

  addAfter() {
    this.points.insertAfter();
    this.commitAndFocus();
  }

  removeChosen() {
    if (!this.points.mayRemove) return;
    this.points.removeChosen();
    this.commitAndFocus();
  }

  commitAndFocus() {
    this.commit();
    this.handles[this.points.chosen].focus({ preventScroll: true });
  }
}

function number(name, step, write) {
  const commit = () => Number.isFinite(input.valueAsNumber) && write(input.valueAsNumber);
  const input = h("input", { type: "number", step, class: "live-lora-number", onChange: commit });
  return { input, label: h("label", { class: "live-lora-entry" }, name, input) };
}

function button(name, onClick) {
  return h("button", { type: "button", class: "live-lora-button", onClick }, name);
}
