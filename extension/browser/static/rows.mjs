/** A row as the page uses it: what the server left out, and what is searched and sorted by. Pure. */

import { sortKey } from "./orders.mjs";
import { searchable } from "./query.mjs";

let stamps = 0;

const EMPTY = {
  base: "Unknown",
  algorithm: "",
  unread: false,
  size: 0,
  mtime: 0,
  weight: null,
  preview: null,
  misfit: null,
  error: null,
  words: "",
  negative: "",
  kind: "",
  favourite: false,
  rating: 0,
  range: null,
  nsfw: "",
  dice: 0,
  triggers: [],
  tags: [],
};

/**
 * @param {Record<string, any>} sent @param {string} label of rows that give none
 * @returns {import("./query.mjs").Row}
 */
export function complete(sent, label) {
  const row = { ...EMPTY, label, ...sent };
  row.stem ??= row.name;
  row.alias ??= null;
  row.folder ??= "";
  row.relative ??= row.folder ? `${row.folder}/${row.stem}` : row.stem;
  row.title = searchable(row.name);
  row.key = sortKey(row.name);
  const told = [row.base, row.algorithm, row.kind, row.error ? "unusable damaged" : ""];
  const named = [row.name, row.alias ?? "", row.relative, row.words, ...row.triggers, ...row.tags];
  row.haystack = searchable([...named, ...told].join("\n"));
  row.stamp = stamps += 1; // so that a card can tell whether it shows this row as it is now
  return row;
}
