/** What the page says of an errand. */

import assert from "node:assert/strict";
import { test } from "node:test";

import "./english.mjs";
import { sentences } from "../../extension/browser/static/civitai_panel.mjs";

const looked = { found: 3, total: 5, missing: 1, problems: [], ended: "" };
const CASES = [
  [{ running: false, kind: null }, []],
  [{ running: true, kind: "lookup", done: 3, total: 9, now: "ink" }, ["3 of 9 ink"]],
  [{ running: true, kind: "lookup" }, ["0 of 0"]],
  [
    { running: true, kind: "download", name: "ink", done: 5e6, total: 2e8 },
    ["ink: 5 of 200 MB"],
  ],
  [{ running: false, kind: "download", error: "it broke off" }, ["download: it broke off"]],
  [{ running: false, kind: "download", result: { id: "1" } }, ["Downloaded."]],
  [{ running: false, kind: "updates", result: { newer: {} } }, ["No newer versions."]],
  [
    { kind: "updates", result: { newer: { a: { name: "v2", date: "2025-01-02T03", id: 7 } } } },
    ["v2 of 2025-01-02: version 7"],
  ],
  [{ kind: "lookup", result: looked }, ["3 of 5 files are known, 1 are not."]],
  [
    { kind: "lookup", result: { ...looked, ended: "stopped", problems: [..."abcdefg"] } },
    ["3 of 5 files are known, 1 are not.", "stopped", ..."abcde", "and 2 more"],
  ],
];

test("an errand in words", () => {
  for (const [state, words] of CASES) assert.deepEqual(sentences(state), words);
});
