/** What the block editor writes; tests/prompt/test_description.py reads it back. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { writeBlocks } from "../../extension/browser/static/blocks.mjs";

const CASES = JSON.parse(readFileSync(new URL("../cases/blocks.json", import.meta.url), "utf8"));
const INDEX = Array.from({ length: 12 }, (_, i) => String(i).padStart(2, "0"));
const blocksOf = (count) => [
  "BASE",
  ...INDEX.slice(0, count).map((i) => `IN${i}`),
  "M00",
  ...INDEX.slice(0, count).map((i) => `OUT${i}`),
];
const BLOCKS = { SD1: blocksOf(12), SDXL: blocksOf(9) };
const fill = (rest, weights) => ({
  ...Object.fromEntries(BLOCKS.SD1.map((block) => [block, rest])),
  ...weights,
});
const PRESETS = {
  NONE: fill(0, { BASE: 0 }),
  OUTD: fill(0, { BASE: 1, OUT03: 1, OUT04: 1, OUT05: 1, OUT06: 1 }),
  VARIABLE: null,
};

for (const { about, base, rest, weights, elements, gives } of CASES)
  test(about, () => {
    const state = { weights: fill(rest, weights), elements };
    assert.equal(writeBlocks(state, BLOCKS[base], PRESETS), gives);
  });
