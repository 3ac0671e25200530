/**
 * Curves (`0@0;1@0.5 smooth`) as the editor needs them: read, drawn and written. The program's own
 * reading is prompt/arguments/curve.py; tests/cases/curves.json holds both to the same numbers.
 *
 * @typedef {{value: number, unit: "fraction" | "step" | "sigma", amount: number, easing: string}}
 *   Point the weight at a place of the pass, and how it is reached
 */

import { formatNumber } from "./edits.mjs";
import { t } from "./language.mjs";
import { asNumber } from "./tags.mjs";

const POINT = /^\s*([^@~\s]+?)\s*(?:[@~]\s*([sS]?)([^\s]*?))?\s*([a-z]+(?:-[a-z]+)*)?\s*$/i;
const CUBIC = (t) => (t < 0.5 ? 4 * t ** 3 : 1 - 4 * (1 - t) ** 3);

/** From one point to the next: t from 0 to 1 gives the share of the way. */
export const EASINGS = {
  linear: (t) => t,
  hold: () => 0,
  smooth: (t) => t * t * (3 - 2 * t),
  "ease-in": (t) => t * t,
  "ease-out": (t) => t * (2 - t),
  "ease-in-out": (t) => t * t * (3 - 2 * t),
  "cubic-in": (t) => t ** 3,
  "cubic-out": (t) => 1 - (1 - t) ** 3,
  "cubic-in-out": CUBIC,
  sine: (t) => (1 - Math.cos(Math.PI * t)) / 2,
};

/**
 * The points of a curve, null where the text is none.
 * @param {string} text @returns {Point[] | null}
 */
export function readCurve(text) {
  if (!/[@~]/.test(text)) return null;
  const parts = text.split(/[;,]/).map((part) => POINT.exec(part));
  if (parts.some((part) => part === null) || parts[0][3] === undefined) return null;
  const steps = parts.some(([, , sigma, place]) => !sigma && (asNumber(place ?? "1") ?? 0) > 1);
  const points = parts.map((part) => pointOf(part, steps));
  const sigmas = points.filter((point) => point?.unit === "sigma").length;
  return points.includes(null) || (sigmas && sigmas < points.length) ? null : points;
}

/** A bare 1 is the first step where another position is a step, else the end. */
function pointOf([, number, sigma = "", place = "1", word = "linear"], steps) {
  const value = asNumber(number);
  const amount = asNumber(place);
  const easing = word.toLowerCase();
  if (value === null || amount === null || amount < 0 || !(easing in EASINGS)) return null;
  if (sigma) return { value, unit: "sigma", amount, easing };
  const isStep = amount > 1 || (steps && place.replace(/^\++/, "") === "1");
  return { value, unit: isStep ? "step" : "fraction", amount, easing };
}

/** Where a point is on the scale from 0 to 1 of a pass; noise levels count down from `sigmas`. */
export function placeOf({ unit, amount }, steps, sigmas = highest([])) {
  if (unit === "sigma") return 1 - amount / sigmas;
  if (unit === "step") return steps > 1 ? amount / (steps - 1) : amount;
  return amount;
}

/** The noise level that the scale of these points begins at. @param {Point[]} points */
export function highest(points) {
  return Math.max(15, ...points.filter(({ unit }) => unit === "sigma").map(({ amount }) => amount));
}

/** The same points in the order of the pass. */
export function inOrder(points, steps) {
  const sigmas = highest(points);
  return points.toSorted((a, b) => placeOf(a, steps, sigmas) - placeOf(b, steps, sigmas));
}

/** The weight at `place`. @param {Point[]} sorted as `inOrder` gives them */
export function valueAt(sorted, place, steps) {
  const sigmas = highest(sorted);
  const after = sorted.findIndex((point) => placeOf(point, steps, sigmas) > place);
  if (after < 0) return sorted.at(-1).value;
  if (after === 0) return sorted[0].value;
  const [left, right] = [sorted[after - 1], sorted[after]];
  const [start, end] = [placeOf(left, steps, sigmas), placeOf(right, steps, sigmas)];
  const share = EASINGS[right.easing]((place - start) / (end - start));
  return left.value + share * (right.value - left.value);
}

/**
 * The text of a curve.
 * @param {Point[]} points @param {number} steps of the pass, for steps that only a share can say
 */
export function writeCurve(points, steps) {
  const alone = !points.some(({ unit, amount }) => unit === "step" && amount > 1);
  return points
    .map(({ value, easing, ...where }) => {
      const way = easing === "linear" ? "" : ` ${easing}`;
      return `${formatNumber(value)}@${writePlace(where, steps, alone)}${way}`;
    })
    .join(";");
}

/** Where no other position is above 1, a bare 1 would be the end: the first step is a share. */
function writePlace({ unit, amount }, steps, alone) {
  if (unit === "sigma") return `s${formatNumber(amount)}`;
  if (unit === "step" && alone) return formatNumber(placeOf({ unit, amount }, steps));
  if (unit === "fraction" && amount === 1 && !alone) return "1.0";
  return formatNumber(amount);
}

/** A point in words, as in `0.5 at 40 %`. */
export function pointWords({ value, unit, amount }) {
  const weight = formatNumber(value);
  if (unit === "sigma") return t("curve.at_sigma", { value: weight, level: formatNumber(amount) });
  if (unit === "step") return t("curve.after_steps", { value: weight, count: amount });
  return t("curve.at_percent", { value: weight, percent: formatNumber(amount * 100) });
}

/** The lowest and highest weight that a plot shows. */
export function bounds(points) {
  const values = points.map(({ value }) => value);
  return [
    Math.min(0, Math.floor(Math.min(...values))),
    Math.max(1, Math.ceil(Math.max(...values))),
  ];
}

/** The line of a plot, 100 × 100, as an SVG path. @param {Point[]} points */
export function pathOf(points, steps, [low, high] = bounds(points)) {
  const sorted = inOrder(points, steps);
  const sigmas = highest(points);
  const jumps = sorted
    .map((point) => placeOf(point, steps, sigmas))
    .flatMap((at) => [at - 1e-6, at]);
  const places = [...Array.from({ length: 101 }, (_, at) => at / 100), ...jumps]
    .filter((at) => at >= 0 && at <= 1)
    .sort((a, b) => a - b);
  const y = (value) => (100 * (high - value)) / (high - low);
  return places
    .map((at, index) => {
      const point = `${(100 * at).toFixed(2)} ${y(valueAt(sorted, at, steps)).toFixed(2)}`;
      return `${index ? "L" : "M"}${point}`;
    })
    .join("");
}
