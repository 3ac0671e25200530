/** Search, filters, order, and what a name leads to. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Library } from "../../extension/browser/static/library.mjs";
import { ORDERS, counts, folders, search } from "../../extension/browser/static/query.mjs";

const LORAS = [
  {
    id: "1",
    name: "Ghibli_v2",
    stem: "Ghibli_v2",
    alias: "studio",
    folder: "style",
    base: "SD1",
    mtime: 3,
    words: "ghibli style",
  },
  { id: "2", name: "ink10", folder: "style/line", base: "SDXL", mtime: 1, triggers: ["brush pen"] },
  { id: "3", name: "ink9", folder: "", base: "SDXL", mtime: 2 },
  { id: "4", name: "a/same", stem: "same", folder: "a", base: "SD1" },
  { id: "5", name: "b/same", stem: "same", folder: "b", base: "SD1" },
  { id: "6", name: "penguin", folder: "style", base: "SD1" },
];
const library = new Library();
library.take({ loras: LORAS });
library.state = "ready";
const { rows } = library;
const ids = (found) => found.map((row) => row.id).join("");

test("every word must be somewhere: name, alias, folder or trigger words", () => {
  for (const [text, expected] of [
    ["", "123456"],
    ["GHIBLI v2", "1"],
    ["ghibli_v2", "1"],
    ["studio", "1"],
    ["brush", "2"],
    ["style line", "2"],
    ["pen", "62"],
    ["<b>", ""],
    ["  ink   9 ", "3"],
  ])
    assert.equal(ids(search(rows, { text })), expected, text);
});

test("filters by folder, with those below, and by base model", () => {
  assert.equal(ids(search(rows, { folder: "style" })), "126");
  assert.equal(ids(search(rows, { folder: "style/line" })), "2");
  assert.equal(ids(search(rows, { base: "SDXL", folder: "style" })), "2");
  assert.deepEqual(counts(rows, "base"), [
    ["SD1", 4],
    ["SDXL", 2],
  ]);
  assert.deepEqual(folders(rows), [
    ["a", 1],
    ["b", 1],
    ["style", 3],
    ["style/line", 1],
  ]);
});

test("orders as people do", () => {
  const order = (key) => ids([...rows].sort(ORDERS[key].compare)).slice(0, 6);
  assert.equal(order("name"), "451326");
  assert.equal(order("newest").slice(0, 3), "132");
});

test("a name leads to one file, to several, or to none with the nearest", () => {
  for (const [name, id] of [
    ["ink9", "3"],
    ["INK9", "3"],
    ["studio", "1"],
    ["style/Ghibli_v2", "1"],
    ["a/same", "4"],
    ["A/Same", "4"],
  ])
    assert.equal(library.resolve(name).row?.id, id, name);
  assert.equal(ids(library.resolve("same").candidates), "45");
  assert.deepEqual(library.resolve("nothing"), {});
  assert.deepEqual(library.names.nearest("Gibli_v2"), ["Ghibli_v2"]);
  assert.deepEqual(library.names.nearest("zzzz"), []);
});
