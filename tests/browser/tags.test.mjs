/** The page's reading of prompts agrees with the program's: the same cases as tests/prompt. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { asNumber, isOn, scan, weights } from "../../extension/browser/static/tags.mjs";

const seen = (text) => scan(text).map((tag) => [tag.name, text.slice(tag.start, tag.end)]);
const numbers = (text) =>
  weights(scan(text)[0]).map(({ role, value, start, end }) => [
    role,
    value,
    text.slice(start, end),
  ]);

test("finds tags and what they are called", () => {
  for (const [text, expected] of [
    ["a fox", []],
    ["a <lora:x:0.8> fox", [["x", "<lora:x:0.8>"]]],
    [
      "<lora:a><LYCO:b>",
      [
        ["a", "<lora:a>"],
        ["b", "<LYCO:b>"],
      ],
    ],
    ["<lora: a b (c) [d] :1>", [["a b (c) [d]", "<lora: a b (c) [d] :1>"]]],
    ['<lora:"a: b>c":1>', [["a: b>c", '<lora:"a: b>c":1>']]],
    ['<lora:"say \\"hi\\" \\\\":1>', [['say "hi" \\', '<lora:"say \\"hi\\" \\\\":1>']]],
    ['<lora:a"b":1>', [['a"b"', '<lora:a"b":1>']]],
    ['<lora:"unclosed:1>', [['"unclosed', '<lora:"unclosed:1>']]],
    ["<lora:a\\:b\\>c>", [["a:b>c", "<lora:a\\:b\\>c>"]]],
    ["🦊 <lora:日本:1> é", [["日本", "<lora:日本:1>"]]],
    ["<lora:a=b:1>", [["a=b", "<lora:a=b:1>"]]],
    ["<lora:te=1:a>", [["a", "<lora:te=1:a>"]]],
    ["<hypernet:h:1> <emoji:3>", []],
  ])
    assert.deepEqual(seen(text), expected, text);
});

test("what only looks like a tag is none, and costs no other", () => {
  for (const text of [
    "<lora:>",
    "<lora: :1>",
    "<lora:te=1>",
    "<lora:a:1",
    "<lora:a<b:1>",
    "\\<lora:a:1\\>",
    "< lora:a:1>",
    "lora:a:1>",
  ])
    assert.deepEqual(seen(`${text} <lora:b:1>`).at(-1), ["b", "<lora:b:1>"], text);
  assert.deepEqual(seen("<lora:a:1 <lora:b:1>"), [["b", "<lora:b:1>"]]);
});

test("knows which number is which", () => {
  for (const [text, expected] of [
    ["<lora:a>", [["weight", 1, ""]]],
    ["<lora:a:0.8>", [["weight", 0.8, "0.8"]]],
    ["<lora:a:te=-.5>", [["weight", -0.5, "-.5"]]],
    [
      "<lora:a:0.5:0.9>",
      [
        ["te", 0.5, "0.5"],
        ["unet", 0.9, "0.9"],
      ],
    ],
    [
      "<lora:a:0.5:unet= 0.9 >",
      [
        ["te", 0.5, "0.5"],
        ["unet", 0.9, "0.9"],
      ],
    ],
    ["<lora:a:unet=0.9>", [["unet", 0.9, "0.9"]]],
    ["<lora:a:0@0,1@0.5>", [["weight", null, "0@0,1@0.5"]]],
    ["<lora:a:abc:lbw=NONE>", [["weight", null, "abc"]]],
    ["<lora:a:lbw=IN01@0.5;OUT03@1>", [["weight", 1, ""]]],
  ])
    assert.deepEqual(numbers(text), expected, text);
});

test("reads numbers as the program does", () => {
  for (const [text, expected] of [
    [".5", 0.5],
    ["1.", 1],
    ["+1", 1],
    [" -1e-1 ", -0.1],
  ])
    assert.equal(asNumber(text), expected, text);
  for (const text of ["", "nan", "inf", "0x1", "0,5", "1 2", "1e999", "--1"])
    assert.equal(asNumber(text), null, text);
});

test("knows which tags are off", () => {
  const on = (text) => isOn(scan(text)[0]);
  for (const text of ["<lora:a>", "<lora:a:on=1>", "<lora:a:1:on=on>"])
    assert.equal(on(text), true, text);
  for (const text of ["<lora:a:on=0>", "<lora:a:1:ON= off >", "<lora:a:on=false>"])
    assert.equal(on(text), false, text);
});

test("is linear in the text", () => {
  for (const piece of [
    "<",
    "<lora:",
    '<lora:"',
    '<lora:a:"',
    ':"a',
    "\\",
    "<lora:a:1>",
    "<lora:a\\",
  ])
    assert.ok(Array.isArray(scan(piece.repeat(200_000))), piece); // quadratic: minutes
});
