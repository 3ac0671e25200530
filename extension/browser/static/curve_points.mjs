/** The points of a curve while they are edited, and the one that is chosen: pure. */

import * as curve from "./curve.mjs";
import { stepped } from "./weight.mjs";

const GRAIN = { fraction: 0.01, step: 1, sigma: 0.1 };
const NUDGE = { fraction: 0.05, step: 1, sigma: -0.5 };

export class CurvePoints {
  /** @param {() => number} stepsOf how many steps the pass has */
  constructor(stepsOf) {
    Object.assign(this, { stepsOf, all: [], chosen: 0 });
  }

  /** False where the text is no curve: then nothing changes. */
  take(text) {
    const points = curve.readCurve(text);
    if (!points) return false;
    this.all = curve.inOrder(points, this.stepsOf());
    this.chosen = Math.min(this.chosen, this.all.length - 1);
    return true;
  }

  get text() {
    return curve.writeCurve(this.all, this.stepsOf());
  }

  get at() {
    return this.all[this.chosen];
  }

  /** On the scale of the pass, from 0 to 1. */
  placeOf(point) {
    return curve.placeOf(point, this.stepsOf(), curve.highest(this.all));
  }

  /** Moves the chosen point; what is not said stays. */
  change({ value = this.at.value, amount, easing = this.at.easing }) {
    const point = { ...this.at, value: Number(value.toFixed(4)), easing };
    if (amount !== undefined) point.amount = this.placed(amount);
    this.all = this.all.with(this.chosen, point);
  }

  /** One press of an arrow key along the pass. */
  nudge(direction) {
    this.change({ amount: this.at.amount + direction * NUDGE[this.at.unit] });
  }

  /** Points keep their order: a place ends at those beside it. */
  placed(amount) {
    const [least, most] = this.room();
    const grain = GRAIN[this.at.unit];
    const rounded = Number((Math.round(amount / grain) * grain).toFixed(4));
    return Math.min(most, Math.max(least, rounded));
  }

  room() {
    const { unit, amount } = this.at;
    const beside = [this.all[this.chosen - 1], this.all[this.chosen + 1]].map(
      (point) => point && (point.unit === unit ? point.amount : this.amountAt(this.placeOf(point))),
    );
    const [before, after] = unit === "sigma" ? beside.reverse() : beside;
    const end = { step: this.stepsOf() - 1, sigma: Infinity, fraction: 1 }[unit];
    return [before ?? 0, after ?? Math.max(end, amount)];
  }

  /** A place from 0 to 1 in the unit of the chosen point, or another one. */
  amountAt(place, unit = this.at.unit) {
    if (unit === "step") return place * (this.stepsOf() - 1);
    return unit === "sigma" ? (1 - place) * curve.highest(this.all) : place;
  }

  /** A new point, which is chosen. */
  insert(value, place) {
    const { unit } = this.at;
    const amount = Math.round(this.amountAt(place, unit) / GRAIN[unit]) * GRAIN[unit];
    const point = {
      value: Number(value.toFixed(4)),
      unit,
      amount: Number(amount.toFixed(4)),
      easing: "linear",
    };
    this.all = curve.inOrder([...this.all, point], this.stepsOf());
    this.chosen = this.all.indexOf(point);
  }

  /** Halfway to the next point; behind the last, halfway from the one before. */
  insertAfter() {
    const from = Math.min(this.chosen, this.all.length - 2);
    const place = (this.placeOf(this.all[from]) + this.placeOf(this.all[from + 1])) / 2;
    this.insert(stepped(curve.valueAt(this.all, place, this.stepsOf())), place);
  }

  get mayRemove() {
    return this.all.length > 2;
  }

  removeChosen() {
    if (!this.mayRemove) return;
    this.all = this.all.toSpliced(this.chosen, 1);
    this.chosen = Math.max(0, this.chosen - 1);
  }
}
