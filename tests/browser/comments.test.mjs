/** Our lines under a webui's picture, by what they say. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { sorted } from "../../extension/browser/static/comments.mjs";

test("lines are sorted by their beginnings, and others are left alone", () => {
  const lines = [
    "Live LoRA, left out: no LoRA is named 'x'",
    "",
    "a word of another extension: Live LoRA, ran: no",
    " Live LoRA, ran: neon: added to 192 unet layers",
    "Live LoRA: a note",
    "Live LoRA, measured: aB3-_x",
  ];
  assert.deepEqual(sorted(lines), {
    lost: ["no LoRA is named 'x'"],
    told: ["a note"],
    ran: ["neon: added to 192 unet layers"],
    measured: ["aB3-_x"],
    others: ["a word of another extension: Live LoRA, ran: no"],
  });
});
