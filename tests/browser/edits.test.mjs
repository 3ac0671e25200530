/** What the page does to a prompt changes the span it is about, and nothing else. */

import assert from "node:assert/strict";
import { test } from "node:test";

import * as edits from "../../extension/browser/static/edits.mjs";
import { scan, weights } from "../../extension/browser/static/tags.mjs";

const { applyEdit } = edits;
const weigh = (text, value) => applyEdit(text, edits.setWeight(weights(scan(text)[0])[0], value));
const takeOut = (text, words) => applyEdit(text, edits.remove(text, scan(text)[0], words));
const putIn = (text, words) => applyEdit(text, edits.append(text, "<lora:a:1>", words));

test("numbers are written as people write them", () => {
  for (const [value, expected] of [
    [0.1 + 0.2, "<lora:a:0.3>"],
    [-0.00001, "<lora:a:0>"],
    [1.00004, "<lora:a:1>"],
    [-12.5, "<lora:a:-12.5>"],
  ])
    assert.equal(weigh("<lora:a:1>", value), expected);
});

test("what a click puts in, a click takes out", () => {
  for (const words of ["", "ghibli style"])
    for (const text of ["", "a fox", "a (fox:1.2)\nBREAK"])
      assert.equal(takeOut(putIn(text, words), words), text, JSON.stringify([text, words]));
  assert.equal(takeOut(putIn("a fox,")), "a fox,");
  assert.equal(putIn("a fox,", "ghibli style"), "a fox, ghibli style <lora:a:1>");
});

test("a tag takes its words along where they stand right before it", () => {
  assert.equal(takeOut("my ghibli style <lora:a:1>", "ghibli style"), "my ghibli style");
  assert.equal(takeOut("a, ghibli style <lora:a:1>, b", "ghibli style"), "a, b");
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
    .map((tag) => edits.setOn(text, tag, false))
    .reverse();
  assert.equal(
    applyEdit(text, edits.join(text, off)),
    "<lora:a:1:on=0> and <lora:b:1:on=0> and <lora:c:1:on=0>",
  );
  const gone = scan(text).map((tag) => edits.remove(text, tag));
  assert.equal(applyEdit(text, edits.replaceWith(text, gone, "<lora:d:1>")), " and and <lora:d:1>");
  assert.equal(applyEdit("a", edits.replaceWith("a", [], "<lora:d:1>")), "a <lora:d:1>");
});

test("an argument is taken out with its colon, and those behind it keep their meaning", () => {
  for (const [text, at, means, expected] of [
    ["é <lora:a:0.8:stop=8:on=0>", 1, ["te", "stop", "on"], "é <lora:a:0.8:on=0>"],
    ["<lora:a:1:2:8:start=2>", 1, ["te", "unet", "dyn", "start"], "<lora:a:1:dyn=8:start=2>"],
    ["<lora:a:1:OUTD:ATTNDEEPON>", 1, ["te", "lbw", "lbwe"], "<lora:a:1:lbwe=ATTNDEEPON>"],
    ["<lora:a:1:1:8:9>", 2, ["te", "unet", "dyn", null], "<lora:a:1:1>"],
  ]) {
    const [tag] = scan(text);
    assert.equal(applyEdit(text, edits.removeArgument(text, tag, at, means)), expected);
  }
});

test("a new argument comes last, in quotation marks where it must", () => {
  const [tag] = scan("<lora:a:0.8> b");
  const add = (key, value) => applyEdit("<lora:a:0.8> b", edits.addArgument(tag, key, value));
  assert.equal(add("lbw", "IN04@0.5;ff@0"), "<lora:a:0.8:lbw=IN04@0.5;ff@0> b");
  assert.equal(add("only", "a>b"), '<lora:a:0.8:only="a>b"> b');
});

test("all weights are scaled, point by point, and nothing else", () => {
  const scale = (text) => applyEdit(text, edits.scaleWeights(text, scan(text)[0], 0.9));
  for (const [before, after] of [
    ["<lora:a>", "<lora:a:0.9>"],
    ["<lora:a: 1 :lbw=OUTD>", "<lora:a: 0.9 :lbw=OUTD>"],
    ["<lora:a:0.5:unet=0@0, 1@0.5 smooth>", "<lora:a:0.45:unet=0@0, 0.9@0.5 smooth>"],
    ["<lora:a:1:hr=0.4:stop=8>", "<lora:a:0.9:hr=0.36:stop=8>"],
    ["<lora:a:1@0;2:hrunet=-1~0,1~1>", "<lora:a:0.9@0;1.8:hrunet=-0.9~0,0.9~1>"],
    ["<lora:a:abc>", "<lora:a:abc>"],
    ["<lora:a:sweep=0;1>", "<lora:a:0.9:sweep=0;1>"],
  ])
    assert.equal(scale(before), after);
});

test("a block's weight is its last pair, and nothing else of the tag changes", () => {
  const block = (text, name, weight) => applyEdit(text, edits.setBlock(text, scan(text)[0], name, weight));
  assert.equal(block("a <lora:x:0.8> b", "OUT03", 0.5), "a <lora:x:0.8:lbw=OUT03@0.5;REST@1> b");
  assert.equal(block("<lora:x:1:lbw=OUT03@0.5;REST@1>", "OUT03", 0), "<lora:x:1:lbw=OUT03@0;REST@1>");
  assert.equal(block("<lora:x:1:lbw=OUTALL>", "IN04", 0.3), "<lora:x:1:lbw=OUTALL;IN04@0.3>");
  assert.equal(block("<lora:x:1:lbw=OUTALL;IN04@0.3>", "IN04", 1), "<lora:x:1:lbw=OUTALL;IN04@1>");
});

test("blocks that are left out are one argument, with one seed", () => {
  const leave = (text, blocks) => applyEdit(text, edits.setLeftOut(text, scan(text)[0], blocks));
  const first = leave("a <lora:x:0.8>", "none;IN01");
  assert.equal(first, "a <lora:x:0.8:without=none;IN01:seed=same>");
  assert.equal(leave(first, "none;M00"), "a <lora:x:0.8:without=none;M00:seed=same>");
  assert.equal(leave("<lora:x:1:without=M00>", "none;M00"), "<lora:x:1:without=none;M00:seed=same>");
});
