/** The table that Python and the page share: the same tags with the same names and numbers. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { isOn, scan, weights } from "../../extension/browser/static/tags.mjs";

const GROUPS = JSON.parse(readFileSync(new URL("../cases/tags.json", import.meta.url), "utf8"));

/** Text encoder's and UNet's number, where the page knows both. */
function numbers(tag) {
  const found = Object.fromEntries(weights(tag).map(({ role, value }) => [role, value]));
  const te = found.te ?? found.weight ?? 1;
  return { te, unet: found.unet ?? te };
}

/** Only te and unet, both plain numbers: nothing else takes part in the weight. */
function isPlain(tag) {
  return (
    tag.args.every(({ key }) => [null, "te", "unet"].includes(key)) &&
    weights(tag).every(({ value }) => value !== null)
  );
}

for (const { about, cases } of GROUPS)
  test(about, () => {
    for (const { prompt, tags: expected, errors } of cases) {
      const found = scan(prompt);
      const wanted = new Set(expected.map(({ source }) => source));
      const readable = found.filter((tag) => wanted.has(prompt.slice(tag.start, tag.end)));
      assert.deepEqual(
        readable.map(({ name }) => name),
        expected.map(({ name }) => name),
        prompt,
      );
      // What the program cannot use, the page shows all the same, with its trouble.
      if (found.length > readable.length) assert.notDeepEqual(errors, [], prompt);
      readable.forEach((tag, at) => {
        const { te, unet, on } = expected[at];
        if (on !== undefined) assert.equal(isOn(tag), on, prompt);
        if (isPlain(tag) && typeof unet === "number" && typeof te === "number")
          assert.deepEqual(numbers(tag), { te, unet }, prompt);
      });
    }
  });
