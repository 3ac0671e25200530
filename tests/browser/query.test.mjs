/** Search, filters, order, and what a name leads to. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Library } from "../../extension/browser/static/library.mjs";
import { counts, folders, ordered, shuffle } from "../../extension/browser/static/orders.mjs";
import { search } from "../../extension/browser/static/query.mjs";
import { complete } from "../../extension/browser/static/rows.mjs";

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
});

test("folders are a tree: each with what lies in and below it", () => {
  const tree = (found) => folders(found).map(({ path, count, level }) => [path, count, level]);
  assert.deepEqual(tree(rows), [
    ["a", 1, 1],
    ["b", 1, 1],
    ["style", 3, 1],
    ["style/line", 1, 2],
  ]);
  const sent = ["style 2", "style/b", "style/b/c", "style10"];
  const more = sent.map((folder) => complete({ id: folder, name: folder, folder }, "Lora"));
  assert.deepEqual(
    tree(more).map(([path]) => path),
    ["style", "style/b", "style/b/c", "style 2", "style10"],
  );
});

test("several library folders are the tree's first level, also where their folders are alike", () => {
  const sent = ["", "x", "x/y"].map((folder) => ({ id: folder, name: `n${folder}`, folder }));
  const all = ["Lora", "More"].flatMap((label) =>
    sent.map((one) => complete({ ...one, id: `${label} ${one.id}` }, label)),
  );
  const tree = folders(all);
  assert.deepEqual(
    tree.map(({ path, count, level }) => [path, count, level]),
    ["Lora", "More"].flatMap((root) => [
      [root, 3, 1],
      [`${root}/x`, 2, 2],
      [`${root}/x/y`, 1, 3],
    ]),
  );
  const { root, folder } = tree.at(-1);
  assert.deepEqual(search(all, { root, folder }).map(({ id }) => id), ["More x/y"]);
});

test("what was used, and what never was", () => {
  const sent = [{ id: "1", name: "a", used: 3, last_used: 5 }, { id: "2", name: "b" }];
  const known = [...sent, { id: "3", name: "c", used: 1, last_used: 9 }];
  const used = known.map((one) => complete(one, "Lora"));
  assert.equal(ids(ordered(used, "used", true)), "132");
  assert.equal(ids(ordered(used, "last", true)), "312");
  assert.equal(ids(search(used, { state: "unused" })), "2");
  assert.equal(ids(search(used, { text: "is:unused" })), "2");
});

test("orders as people do, in both directions", () => {
  assert.equal(ids(ordered(rows, "name", false)), "451326");
  assert.equal(ids(ordered(rows, "name", true)), "623154");
  assert.equal(ids(ordered(rows, "date", true)).slice(0, 3), "132");
  shuffle(rows, 1);
  const first = ids(ordered(rows, "random", false));
  shuffle(rows, 2);
  assert.notEqual(ids(ordered(rows, "random", false)), first);
  shuffle(rows, 1);
  assert.equal(ids(ordered(rows, "random", false)), first);
});

test("a word may be looked for in one field, and a letter may be wrong", () => {
  const some = new Library();
  some.take({
    loras: [
      { id: "1", name: "lineart_v2", base: "SD1", tags: ["style"], kind: "style", favourite: true },
      { id: "2", name: "neon", words: "neon glow", base: "SDXL", algorithm: "LoHa" },
      { id: "3", name: "style guide", error: "it is cut short", base: "Unknown" },
    ],
  });
  for (const [text, expected] of [
    ["tag:style", "1"],
    ["style", "31"],
    ["is:favourite", "1"],
    ["is:unusable", "3"],
    ["unusable", "3"],
    ["SDXL", "2"],
    ["type:loha", "2"],
    ['word:"neon glow"', "2"],
    ["name:neon base:sdxl", "2"],
    ["name:neon base:sd1", ""],
    ["linart", "1"],
    ["neno", "2"],
    ["linaert", "1"],
    ["xyzzy", ""],
    ["nothing:here", ""],
    ["tag:", "123"],
  ])
    assert.equal(ids(search(some.rows, { text })), expected, text);
  assert.equal(ids(search(some.rows, { base: "SDXL" })), "23", "what nobody knows may be for it");
  assert.equal(ids(search(some.rows, { state: "favourite" })), "1");
  assert.equal(ids(search(some.rows, { tag: "style", kind: "style" })), "1");
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

test("what the program finds comes along, filters hold for it as well", () => {
  const rows = [
    { id: "1", name: "ink", base: "SD1" },
    { id: "2", name: "neon", base: "SDXL" },
  ].map((row) => complete(row, "Lora"));
  const ids = (query) => search(rows, query).map(({ id }) => id);
  const more = new Set(["2"]);
  assert.deepEqual(ids({ text: "harbour", more }), ["2"]);
  assert.deepEqual(ids({ text: "ink", more }), ["1", "2"]);
  assert.deepEqual(ids({ text: "harbour", base: "SD1", more }), []);
  assert.deepEqual(ids({ text: "note:fog", more }), ["2"]);
  assert.deepEqual(ids({ text: "note:fog name:ink", more }), []);
  assert.deepEqual(ids({ text: "note:fog", more: null }), []);
});
