/** What could stand at the caret, and what a choice writes. */

import assert from "node:assert/strict";
import { test } from "node:test";

import "./english.mjs";
import { choicesFor, contextAt } from "../../extension/browser/static/completion.mjs";
import { Library } from "../../extension/browser/static/library.mjs";

const library = new Library();
library.take({
  loras: [
    { id: "1", name: "ghibli", weight: 0.7, base: "SD1" },
    { id: "2", name: "ghibli: two", base: "SD1" },
    { id: "3", name: "ghibli xl", misfit: "made for SDXL, this is SD1", base: "SDXL" },
    { id: "4", name: "ghibli broken", error: "it is cut short" },
  ],
});

/** The text with the first choice of this label taken; the caret is at |. */
function taken(marked, label, presets = {}) {
  const caret = marked.indexOf("|");
  const text = marked.replace("|", "");
  const context = contextAt(text, caret);
  assert.ok(context, marked);
  const choice = choicesFor(context, library.rows, presets).find((one) => one.label === label);
  assert.ok(choice, `${label} at ${marked}`);
  return text.slice(0, context.start) + choice.text + text.slice(context.end);
}

test("a name becomes a whole tag with its weight, or the name alone where the tag goes on", () => {
  assert.equal(taken("a fox <|", "ghibli"), "a fox <lora:ghibli:0.7>");
  assert.equal(taken("<lo| , b", "ghibli"), "<lora:ghibli:0.7> , b");
  assert.equal(taken("<lora:gh|", "ghibli"), "<lora:ghibli:0.7>");
  assert.equal(taken("<lora:gh|oo:0.5:hr=1>", "ghibli"), "<lora:ghibli:0.5:hr=1>");
  assert.equal(taken("<lora:gh|>", "ghibli: two"), '<lora:"ghibli: two">');
  assert.equal(taken("<lora:gh|", "ghibli: two"), '<lora:"ghibli: two":1>');
});

test("arguments, then their values", () => {
  assert.equal(taken("<lora:ghibli:1:s|>", "stop="), "<lora:ghibli:1:stop=>");
  assert.equal(taken("<lora:ghibli:1:only=un|>", "uncond"), "<lora:ghibli:1:only=uncond>");
  assert.equal(taken("<lora:ghibli:1:lbw=OU|", "OUTD", { OUTD: {}, INS: {} }), "<lora:ghibli:1:lbw=OUTD");
});

test("nothing is offered where no tag is", () => {
  for (const marked of ["a fox|", "a <b|", "<lora:x:1>|", "<lora:x:0.5|>", "x<|", "<lyra:gh|"])
    assert.equal(contextAt(marked.replace("|", ""), marked.indexOf("|")), null, marked);
});

test("what cannot be used is not offered, what does not fit comes last", () => {
  const found = choicesFor(contextAt("<lora:ghibli", 12), library.rows);
  assert.deepEqual(
    found.map(({ label }) => label),
    ["ghibli", "ghibli: two", "ghibli xl"],
  );
});
