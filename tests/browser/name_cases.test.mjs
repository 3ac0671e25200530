/** The table of names that Python and the page share: what each leads to, and what it looks like. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Library } from "../../extension/browser/static/library.mjs";

const GROUPS = JSON.parse(readFileSync(new URL("../cases/names.json", import.meta.url), "utf8"));

/** As the server sends them: what can be left out is. */
function libraryOf(files) {
  const library = new Library();
  const label = files[0].label;
  const loras = files.map(({ path, name, alias, label: own }, at) => {
    const file = path.slice(path.lastIndexOf("/") + 1);
    const stem = file.slice(0, file.lastIndexOf("."));
    const optional = { ...(stem !== name && { stem }), ...(own !== label && { label: own }) };
    return { id: String(at), name, relative: path, ...(alias && { alias }), ...optional };
  });
  library.take({ loras, label });
  return library;
}

function names({ row, candidates = row ? [row] : [] }) {
  return candidates.map(({ name }) => name);
}

for (const { about, files, find, nearest } of GROUPS)
  test(about, () => {
    const library = libraryOf(files);
    for (const [name, expected] of Object.entries(find))
      assert.deepEqual(names(library.resolve(name)), expected, name);
    for (const [name, expected] of Object.entries(nearest))
      assert.deepEqual(library.names.nearest(name), expected, name);
  });
