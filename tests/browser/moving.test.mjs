/** What of a prompt is sent while a picture is drawn. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { movesFrom, valuesOf } from "../../extension/browser/static/moving.mjs";
import { scan } from "../../extension/browser/static/tags.mjs";

const values = (text) => valuesOf(scan(text));
const moves = (before, now, side = "cond") =>
  movesFrom(values(before), values(now), side).map(({ name, number, value }) => [name, number, value]);

test("the UNet's weight is what moves", () => {
  assert.deepEqual(moves("<lora:a:1>", "<lora:a:0.5>"), [["a", 0, 0.5]]);
  assert.deepEqual(moves("<lora:a:1:1>", "<lora:a:1:0.2>"), [["a", 0, 0.2]]);
  assert.deepEqual(moves("<lora:a:1:1>", "<lora:a:0.3:1>"), []);
  assert.deepEqual(moves("<lora:a>", "<lora:a:unet=0.5>"), [["a", 0, 0.5]]);
});

test("off is 0, and on again what stands there", () => {
  assert.deepEqual(moves("<lora:a:1>", "<lora:a:1:on=0>"), [["a", 0, 0]]);
  assert.deepEqual(moves("<lora:a:1:on=0>", "<lora:a:1>"), [["a", 0, 1]]);
  assert.deepEqual(moves("<lora:a:0@0;1@1:on=0>", "<lora:a:0@0;1@1>"), [["a", 0, null]]);
});

test("of two that are called alike each has a slider, and what is new has none", () => {
  assert.deepEqual(moves("<lora:a:1><lora:a:2>", "<lora:a:1><lora:a:3>"), [["a", 1, 3]]);
  assert.deepEqual(moves("<lora:a:1>", "<lora:a:1><lora:b:2>"), []);
  assert.deepEqual(moves("<lora:a:1><lora:b:1>", "<lora:a:1>"), []);
});
