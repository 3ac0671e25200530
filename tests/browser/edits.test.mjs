/** What the page does to a prompt changes the span it is about, and nothing else. */

import assert from "node:assert/strict";
import { test } from "node:test";

import * as edits from "../../extension/browser/static/edits.mjs";
import { scan, weights } from "../../extension/browser/static/tags.mjs";

const { applyEdit } = edits;
const weigh = (text, value, part = 0) =>
  applyEdit(text, edits.setWeight(weights(scan(text)[0])[part], value));
const turn = (text, on) => applyEdit(text, edits.setOn(scan(text)[0], on));
const takeOut = (text, words) => applyEdit(text, edits.remove(text, scan(text)[0], words));
const putIn = (text, words) => applyEdit(text, edits.append(text, "<lora:a:1>", words));

test("a slider changes the number's span alone", () => {
  for (const [text, value, part, expected] of [
    ["x <lora:a:0.8:lbw=INS> y", 0.5, 0, "x <lora:a:0.5:lbw=INS> y"],
    ["<lora:a>", 0.5, 0, "<lora:a:0.5>"],
    ["<lora:a:lbw=INS>", -1, 0, "<lora:a:-1:lbw=INS>"],
    ["<lora:a:1:2>", 0.25, 1, "<lora:a:1:0.25>"],
    ["<lora:a:te=1:unet=2>", 0.1 + 0.2, 0, "<lora:a:te=0.3:unet=2>"],
    ["<lora:a:1>", -0.00001, 0, "<lora:a:0>"],
  ])
    assert.equal(weigh(text, value, part), expected);
});

test("off is on=0 in the tag, and on takes it away again", () => {
  assert.equal(turn("x <lora:a:0.8> y", false), "x <lora:a:0.8:on=0> y");
  assert.equal(turn("x <lora:a:0.8:on=0> y", true), "x <lora:a:0.8> y");
  assert.equal(turn("<lora:a:on=0:0.8>", true), "<lora:a:0.8>");
  assert.equal(turn("<lora:a:on=1>", false), "<lora:a:on=0>");
  assert.equal(turn("<lora:a>", true), "<lora:a>");
});

test("what a click puts in, a click takes out", () => {
  for (const words of ["", "ghibli style"])
    for (const text of ["", "a fox", "a (fox:1.2)\nBREAK"])
      assert.equal(takeOut(putIn(text, words), words), text, JSON.stringify([text, words]));
  assert.equal(takeOut(putIn("a fox,")), "a fox,");
  assert.equal(putIn("a fox,", "ghibli style"), "a fox, ghibli style <lora:a:1>");
});

test("a tag goes, the user's commas and blanks stay", () => {
  assert.equal(takeOut("a, <lora:a:1>, b"), "a,, b");
  assert.equal(takeOut("a <lora:a:1> b"), "a b");
  assert.equal(takeOut("a<lora:a:1>b"), "ab");
  assert.equal(takeOut("(<lora:a:1> b)"), "( b)");
  assert.equal(takeOut("my ghibli style <lora:a:1>", "ghibli style"), "my ghibli style");
});

test("names that hold signs of the language are quoted, and read back the same", () => {
  for (const name of [
    "plain",
    "a b (c) [d]",
    "a:b>c",
    'q"uote',
    "back\\slash",
    "a<b",
    " blank ",
    "日本",
    "<b>x</b>",
    'x"',
    "a=b",
    "k = v",
    "te=1",
  ])
    assert.equal(scan(edits.writeTag(name, 1))[0].name, name);
  assert.equal(edits.writeTag("a b", 0.8), "<lora:a b:0.8>");
});

test("several edits are one, in any order", () => {
  const text = "<lora:a:1> and <lora:b:1> and <lora:c:1>";
  const off = scan(text)
    .map((tag) => edits.setOn(tag, false))
    .reverse();
  assert.equal(
    applyEdit(text, edits.join(text, off)),
    "<lora:a:1:on=0> and <lora:b:1:on=0> and <lora:c:1:on=0>",
  );
  const gone = scan(text).map((tag) => edits.remove(text, tag));
  assert.equal(applyEdit(text, edits.replaceWith(text, gone, "<lora:d:1>")), " and and <lora:d:1>");
  assert.equal(applyEdit("a", edits.replaceWith("a", [], "<lora:d:1>")), "a <lora:d:1>");
});
