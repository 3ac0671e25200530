/** Trigger words in and out of a prompt, group by group. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { applyEdit } from "../../extension/browser/static/edits.mjs";
import { groupsOf, has, put, randomTags, take } from "../../extension/browser/static/words.mjs";

test("a group is there only as a whole", () => {
  assert.ok(has("a fox, red dress, hat", "red dress"));
  assert.ok(has("(red dress:1.2)", "red dress"));
  assert.ok(!has("a fox, infrared dress", "red dress"));
  assert.ok(!has("red dresses", "red dress"));
  assert.ok(!has("anything", ""));
  assert.ok(has("infrared dress, red dress", "red dress"));
});

test("what goes in comes out again, and leaves the prompt as it was", () => {
  for (const text of ["", "a fox", "a fox,", "a fox ", "x <lora:a:1>", "a, b"]) {
    const longer = applyEdit(text, put(text, "red dress, hat"));
    assert.ok(has(longer, "red dress, hat"), longer);
    const again = applyEdit(longer, take(longer, "red dress, hat"));
    assert.equal(again.replace(/[,\s]+$/, ""), text.replace(/[,\s]+$/, ""));
  }
  assert.equal(take("a fox", "hat"), null);
  assert.equal(applyEdit("hat, a fox", take("hat, a fox", "hat")), "a fox");
  assert.equal(applyEdit("a, hat, b", take("a, hat, b", "hat")), "a, b");
});

test("groups are the user's, then the sites', each once", () => {
  assert.deepEqual(groupsOf({ words: " a ", triggers: ["b, c", "a", ""] }), ["a", "b, c"]);
});

test("frequent tags are likelier", () => {
  const tags = [["often", 10], ["rare", 1]];
  assert.deepEqual(randomTags(tags, () => 0.5), ["often"]);
  assert.deepEqual(randomTags(tags, () => 0.05), ["often", "rare"]);
});
