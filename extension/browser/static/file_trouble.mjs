/** What is wrong with the file that a tag names: none, several, damaged, made for another model. */

import { setName } from "./edits.mjs";
import { t } from "./language.mjs";

/**
 * @param {import("./tags.mjs").Tag} tag
 * @param {{row?: object, candidates?: object[]}} found what its name leads to
 * @param {import("./library.mjs").Library} library
 * @returns items of `Trouble`
 */
export function fileTrouble(tag, { row, candidates }, library) {
  if (row || library.state !== "ready") {
    const text = row?.error ?? row?.misfit;
    return text ? [{ text, kind: "error" }] : [];
  }
  if (candidates) {
    const names = candidates.map(({ name }) => name);
    return choose(tag, t("trouble.several"), names);
  }
  if (tag.args.some(({ key }) => key === "hash")) return [];
  const near = library.nearest(tag.name) ?? []; // null until it is known
  const text = near.length ? t("trouble.no_file_near") : t("trouble.no_file");
  return choose(tag, text, near);
}

function choose(tag, text, names) {
  const choices = names.map((label) => {
    return { label, name: t("trouble.use", { name: label }), edit: setName(tag, label) };
  });
  return [{ text, kind: "error", choices }];
}
