/** The table of curves that Python and the page share: the same numbers at every step. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import * as curve from "../../extension/browser/static/curve.mjs";

const CASES = JSON.parse(readFileSync(new URL("../cases/curves.json", import.meta.url), "utf8"));

/** The values at each step of a pass; noise levels fall evenly from 15, as Python's case does. */
function values(text, steps) {
  const sorted = curve.inOrder(curve.readCurve(text), steps);
  return Array.from({ length: steps }, (_, i) => curve.valueAt(sorted, i / (steps - 1), steps));
}

function assertAlike(found, wanted, text) {
  found.forEach((value, at) =>
    assert.ok(Math.abs(value - wanted[at]) < 1e-5, `${text} at ${at}: ${value}, not ${wanted[at]}`),
  );
  assert.equal(found.length, wanted.length);
}

test("curves have the program's numbers", () => {
  for (const { text, steps, at } of CASES.read) assertAlike(values(text, steps), at, text);
});

test("what is no curve is none", () => {
  for (const text of CASES.none) assert.equal(curve.readCurve(text), null, text);
});

test("a curve is written as the program reads it", () => {
  for (const { text, steps, gives } of CASES.written)
    assert.equal(curve.writeCurve(curve.readCurve(text), steps), gives);
});

test("what is written has the same numbers", () => {
  for (const { text, steps, at } of CASES.read)
    assertAlike(values(curve.writeCurve(curve.readCurve(text), steps), steps), at, text);
});

test("the first step can be said where it is the last position, too", () => {
  const points = [
    { value: 0, unit: "fraction", amount: 0, easing: "linear" },
    { value: 1, unit: "step", amount: 1, easing: "linear" },
  ];
  const text = curve.writeCurve(points, 21);
  assert.equal(text, "0@0;1@0.05");
});

test("a plot shows the whole range, and its path is drawn in order", () => {
  const points = curve.readCurve("2.5@1;-0.5@0");
  assert.deepEqual(curve.bounds(points), [-1, 3]);
  const path = curve.pathOf(points, 20);
  assert.match(path, /^M0\.00 87\.50L/);
  assert.match(path, /L100\.00 12\.50$/);
});
