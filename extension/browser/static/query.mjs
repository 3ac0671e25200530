/** Search, filter and order, over the rows of the library: pure. What a name means: names.mjs. */

/**
 * @typedef {{id: string, name: string, stem: string, alias: string | null, folder: string,
 *   relative: string, label: string, base: string, size: number, mtime: number, weight: number | null,
 *   words: string, triggers: string[], preview: number | null, misfit: string | null,
 *   error: string | null, haystack: string, title: string}} Row
 */

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
const byName = (a, b) => collator.compare(a.name, b.name);

export const ORDERS = {
  name: { label: "Name", compare: byName },
  newest: { label: "Newest", compare: (a, b) => b.mtime - a.mtime || byName(a, b) },
  oldest: { label: "Oldest", compare: (a, b) => a.mtime - b.mtime || byName(a, b) },
  folder: {
    label: "Folder",
    compare: (a, b) => collator.compare(a.folder, b.folder) || byName(a, b),
  },
  size: { label: "Largest", compare: (a, b) => b.size - a.size || byName(a, b) },
};

/**
 * What is searched, once per row: lower case, one form of accents, `_` and `-` as blanks. More is
 * alike here than where a name in a prompt is looked up (names.mjs).
 */
export function searchable(text) {
  return text.normalize("NFKC").toLowerCase().replace(/[_-]+/g, " ");
}

/**
 * The rows that hold every word of `text`, lie in `folder` or below it and are for `base`.
 * Rows whose name holds the words come first; the order is kept otherwise.
 * @param {Row[]} rows @param {{text?: string, folder?: string, base?: string}} query
 */
export function search(rows, { text = "", folder = "", base = "" }) {
  const words = searchable(text).split(/\s+/).filter(Boolean);
  const found = rows.filter(
    (row) => inFolder(row, folder) && (!base || row.base === base) && holds(row.haystack, words),
  );
  if (words.length === 0) return found;
  return [
    ...found.filter((row) => holds(row.title, words)),
    ...found.filter((row) => !holds(row.title, words)),
  ];
}

function holds(haystack, words) {
  return words.every((word) => haystack.includes(word));
}

function inFolder(row, folder) {
  return !folder || row.folder === folder || row.folder.startsWith(`${folder}/`);
}

/** How many rows each value of `key` has, the most frequent first. @returns {[string, number][]} */
export function counts(rows, key) {
  const found = new Map();
  for (const row of rows) found.set(row[key], (found.get(row[key]) ?? 0) + 1);
  return [...found].sort((a, b) => b[1] - a[1] || collator.compare(a[0], b[0]));
}

/** Every folder with the number of rows in and below it. @returns {[string, number][]} */
export function folders(rows) {
  const found = new Map();
  for (const { folder } of rows)
    for (let path = folder; path; path = path.slice(0, Math.max(0, path.lastIndexOf("/"))))
      found.set(path, (found.get(path) ?? 0) + 1);
  return [...found].sort((a, b) => collator.compare(a[0], b[0]));
}
