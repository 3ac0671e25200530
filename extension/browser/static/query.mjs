/** Search, filter and order, over the rows of the library: pure. What a name means: names.mjs. */

/**
 * @typedef {{id: string, name: string, stem: string, alias: string | null, folder: string,
 *   relative: string, label: string, base: string, size: number, mtime: number, weight: number | null,
 *   words: string, triggers: string[], tags: string[], preview: number | null,
 *   misfit: string | null, error: string | null, algorithm: string, unread: boolean,
 *   haystack: string, title: string, key: string}} Row
 */

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
const byName = (a, b) => (a.key < b.key ? -1 : Number(a.key > b.key));

/**
 * What names are sorted by, compared as it stands: as people do, numbers by their value. A collator
 * gives much the same and takes a second for 50,000 names; this takes a thirtieth.
 */
export function sortKey(name) {
  const plain = name.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  return plain.replace(/\d+/g, (digits) => digits.padStart(12, "0"));
}

export const ORDERS = {
  name: { label: "Name", compare: byName },
  newest: { label: "Newest", compare: (a, b) => b.mtime - a.mtime || byName(a, b) },
  oldest: { label: "Oldest", compare: (a, b) => a.mtime - b.mtime || byName(a, b) },
  folder: {
    label: "Folder",
    compare: (a, b) => (a.folder === b.folder ? byName(a, b) : a.folder < b.folder ? -1 : 1),
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
    (row) => inFolder(row, folder) && isFor(row, base) && holds(row.haystack, words),
  );
  if (words.length === 0) return found;
  return [
    ...found.filter((row) => holds(row.title, words)),
    ...found.filter((row) => !holds(row.title, words)),
  ];
}

/** What nobody knows may be for any. */
function isFor(row, base) {
  return !base || row.base === base || row.base === "Unknown";
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
