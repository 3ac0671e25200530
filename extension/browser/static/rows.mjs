/** A row as the page uses it: what the server left out, and what is searched and sorted by. Pure. */

import { searchable, sortKey } from "./query.mjs";

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
  row.haystack = searchable(
    [row.name, row.alias ?? "", row.relative, row.words, ...row.triggers, ...row.tags].join("\n"),
  );
  row.stamp = stamps += 1; // so that a card can tell whether it shows this row as it is now
  return row;
}
