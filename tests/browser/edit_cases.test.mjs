/** The table of edits that Python and the page share: the same text comes out. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import * as edits from "../../extension/browser/static/edits.mjs";
import { isStrength, scan, weightOf } from "../../extension/browser/static/tags.mjs";

const GROUPS = JSON.parse(readFileSync(new URL("../cases/edits.json", import.meta.url), "utf8"));

/** The edit that the page makes; undefined where it has nothing to click or to drag for it. */
function editOf(prompt, tag, { set, name, remove }) {
  if (remove) return edits.remove(prompt, tag);
  if (name !== undefined) return edits.setName(tag, name);
  const [argument, value] = set;
  if (argument === "on") return edits.setOn(prompt, tag, value === null);
  const at = tag.args.findLastIndex(({ key }) => key === argument);
  if (!STRENGTHS.has(argument) && at >= 0 && value === null)
    return edits.removeArgument(prompt, tag, at, []);
  if (!STRENGTHS.has(argument) && at >= 0) return edits.setArgument(tag.args[at], value);
  if (!STRENGTHS.has(argument) && tag.args.every(isWeight))
    return value === null ? undefined : edits.addArgument(tag, argument, value);
  const weight = weightOf(tag, argument);
  const plain = value !== null && edits.formatNumber(Number(value)) === value;
  return weight && plain ? edits.setWeight(weight, Number(value)) : undefined;
}

const STRENGTHS = new Set(["weight", "te", "unet"]);
const isWeight = ({ key, value }, at) => key !== null || (at < 2 && isStrength(value));

const made = {};

for (const { about, cases } of GROUPS)
  test(about, () => {
    for (const { prompt, gives, ...wanted } of cases) {
      const [tag] = scan(prompt);
      const edit = editOf(prompt, tag, wanted);
      if (!edit) continue;
      assert.equal(edits.applyEdit(prompt, edit), gives, prompt);
      const kind = wanted.set?.[0] ?? (wanted.remove ? "remove" : "name");
      made[kind] = (made[kind] ?? 0) + 1;
    }
  });

test("of every kind that the page offers, cases were tried", () => {
  for (const [kind, least] of Object.entries({
    weight: 10,
    te: 3,
    unet: 3,
    on: 8,
    remove: 8,
    name: 15,
    lbw: 1,
    start: 2,
  }))
    assert.ok(made[kind] >= least, `${kind}: ${made[kind]}`);
});
