/** Search, filter, order and names, over the rows of the library: pure. */

/**
 * @typedef {{id: string, name: string, stem: string, alias: string | null, folder: string,
 *   relative: string, base: string, size: number, mtime: number, weight: number | null,
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

/** What is searched, once per row: lower case, one form of accents, `_` and `-` as blanks. */
export function fold(text) {
  return text.normalize("NFKC").toLowerCase().replace(/[_-]+/g, " ");
}

/**
 * The rows that hold every word of `text`, lie in `folder` or below it and are for `base`.
 * Rows whose name holds the words come first; the order is kept otherwise.
 * @param {Row[]} rows @param {{text?: string, folder?: string, base?: string}} query
 */
export function search(rows, { text = "", folder = "", base = "" }) {
  const words = fold(text).split(/\s+/).filter(Boolean);
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

/**
 * The names nearest to one that leads nowhere, the best first: by the share of letter pairs they
 * have in common (Dice 1945), names that contain each other before others.
 */
export function nearest(name, rows, limit = 2) {
  const wanted = fold(name);
  const scored = rows.map((row) => ({ row, score: likeness(wanted, row.title) }));
  return scored
    .filter(({ score }) => score > 0.4)
    .sort((a, b) => b.score - a.score || byName(a.row, b.row))
    .slice(0, limit)
    .map(({ row }) => row);
}

function likeness(wanted, other) {
  if (wanted.length > 2 && (other.includes(wanted) || wanted.includes(other)))
    return 1 + Math.min(wanted.length, other.length) / Math.max(wanted.length, other.length);
  const pairs = pairsOf(wanted);
  const others = pairsOf(other);
  const shared = [...pairs].filter((pair) => others.has(pair)).length;
  return pairs.size + others.size === 0 ? 0 : (2 * shared) / (pairs.size + others.size);
}

function pairsOf(text) {
  const pairs = new Set();
  for (let at = 0; at < text.length - 1; at += 1) pairs.add(text.slice(at, at + 2));
  return pairs;
}
