/** Names that look alike: asked for when typing rests, in slices, remembered. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Library } from "../../extension/browser/static/library.mjs";

const settled = (check) =>
  new Promise((resolve, reject) => {
    const began = Date.now();
    const look = () => {
      if (check()) resolve(true);
      else if (Date.now() - began > 20_000) reject(new Error("nothing was found"));
      else setTimeout(look, 5);
    };
    look();
  });

function libraryOf(count) {
  const library = new Library();
  const loras = Array.from({ length: count }, (_, at) => ({ id: `${at}`, name: `style ${at} lora` }));
  library.take({ loras });
  return library;
}

test("a question costs nothing, whatever the size of the library", () => {
  const library = libraryOf(1000);
  let compared = 0;
  library.names.suggesting = () => assert.fail(`compared ${(compared += 1)} names at once`);
  for (let at = 0; at < 40; at += 1) assert.equal(library.nearest(`stile ${at} lora`), null);
  assert.equal(compared, 0);
  clearTimeout(library.near.timer);
});

test("the answer comes when typing rests, is told once, and remembered", async () => {
  const library = libraryOf(300);
  let told = -1;
  library.watch(() => (told += 1));
  assert.equal(library.nearest("stile 7 lora"), null);
  assert.equal(library.nearest("zzzz"), null);
  await settled(() => library.near.known.has("zzzz"));
  assert.equal(library.nearest("stile 7 lora")[0], "style 7 lora");
  assert.deepEqual(library.nearest("zzzz"), []);
  assert.equal(told, 1);
});

test("a file that comes later is found, one that went is not", async () => {
  const library = libraryOf(3);
  library.nearest("inky");
  await settled(() => library.near.known.has("inky"));
  library.take({ all: false, loras: [{ id: "9", name: "ink" }], gone: ["0"] });
  assert.equal(library.nearest("inky"), null);
  library.nearest("style 0 lora");
  await settled(() => library.near.known.has("style 0 lora"));
  assert.deepEqual(library.nearest("inky"), ["ink"]);
  assert.ok(!library.nearest("style 0 lora").includes("style 0 lora"));
});

test("changes keep the rows that did not change, and the names of those that did", () => {
  const library = libraryOf(3);
  const { rows } = library;
  library.take({ all: false, loras: [{ id: "1", name: "style 1 lora", base: "SDXL" }] });
  assert.equal(library.rows, rows);
  assert.equal(rows[1].base, "SDXL");
  library.take({ all: false, loras: [{ id: "1", name: "style 1 lora", alias: "other" }] });
  assert.equal(library.resolve("other").row.id, "1");
  library.take({ all: false, loras: [{ id: "1", name: "style 1 lora" }], gone: ["2"] });
  assert.deepEqual(library.resolve("other"), {});
  assert.deepEqual(library.resolve("style 2 lora"), {});
  assert.equal(library.rows.length, 2);
});
