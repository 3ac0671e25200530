/** In which order rows are shown, and how many there are of each kind: pure. */

/** @typedef {import("./query.mjs").Row} Row */

const ASCII = /^[\x00-\x7f]*$/; // no marks to take off
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

export const byName = (a, b) => (a.key < b.key ? -1 : Number(a.key > b.key));
const by = (value) => (a, b) => value(a) - value(b);

/** Each with the direction people expect first; rows that are equal stand by name. */
export const ORDERS = {
  name: { label: "sort.name", compare: byName },
  date: { label: "sort.date", compare: by(({ mtime }) => mtime), down: true },
  size: { label: "sort.size", compare: by(({ size }) => size), down: true },
  rating: {
    label: "sort.rating",
    compare: by(({ favourite, rating }) => rating + favourite / 2),
    down: true,
  },
  used: { label: "sort.used", compare: by(({ used }) => used), down: true },
  last: { label: "sort.last", compare: by(({ lastUsed }) => lastUsed), down: true },
  folder: { label: "sort.folder", compare: (a, b) => collator.compare(a.folder, b.folder) },
  random: { label: "sort.random", compare: by(({ dice }) => dice) },
};

/**
 * What names are sorted by, compared as it stands: as people do, numbers by their value. A collator
 * gives much the same and takes a second for 50,000 names; this takes a thirtieth.
 */
export function sortKey(name) {
  const plain = ASCII.test(name) ? name : name.normalize("NFKD").replace(/\p{M}/gu, "");
  return plain.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(12, "0"));
}

/** @param {Row[]} rows @param {string} key of ORDERS @param {boolean} down @returns {Row[]} */
export function ordered(rows, key, down) {
  const { compare } = ORDERS[key];
  const sign = down ? -1 : 1;
  return [...rows].sort((a, b) => sign * compare(a, b) || byName(a, b));
}

/** Gives every row another place in the order "random"; the same seed the same places. */
export function shuffle(rows, seed) {
  for (const row of rows) row.dice = dice(row.id, seed);
}

/** A number that looks random, from 0 to 1 (FNV-1a). */
function dice(id, seed) {
  let hash = 2166136261 ^ seed;
  for (const sign of id) hash = Math.imul(hash ^ sign.charCodeAt(0), 16777619);
  return ((hash ^ (hash >>> 15)) >>> 0) / 2 ** 32;
}

/** How many rows each value of `key` has, the most frequent first. @returns {[string, number][]} */
export function counts(rows, key) {
  const found = new Map();
  for (const row of rows)
    for (const value of [row[key]].flat())
      if (value) found.set(value, (found.get(value) ?? 0) + 1);
  return [...found].sort((a, b) => b[1] - a[1] || collator.compare(a[0], b[0]));
}

/**
 * Every folder with the number of rows in and below it, each behind the one that it lies in. Where
 * there are several library folders, they are the first level, and the path begins with their name.
 * @param {Row[]} rows
 * @param {{label: string, folder: string, files: 0}[]} [known] folders that may be empty
 * @returns {{path: string, root: string, folder: string, name: string, count: number, level: number}[]}
 */
export function folders(rows, known = []) {
  const several = new Set([...rows, ...known].map(({ label }) => label)).size > 1;
  const found = new Map();
  const count = (path, root, folder, level, files) => {
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (!found.has(path)) found.set(path, { path, root, folder, name, count: 0, level });
    found.get(path).count += files;
  };
  for (const { folder, label, files = 1 } of [...rows, ...known]) {
    const root = several ? label : "";
    if (root) count(root, root, "", 1, files);
    const parts = folder ? folder.split("/") : [];
    parts.forEach((_, at) => {
      const inner = parts.slice(0, at + 1).join("/");
      count(root ? `${root}/${inner}` : inner, root, inner, at + (root ? 2 : 1), files);
    });
  }
  return [...found.values()].sort((a, b) => byPath(a.path, b.path));
}

/** Level by level: what lies in a folder stands behind it, before the next one. */
function byPath(a, b) {
  const [parts, others] = [a.split("/"), b.split("/")];
  for (let at = 0; at < Math.min(parts.length, others.length); at += 1) {
    const order = collator.compare(parts[at], others[at]) || Number(parts[at] > others[at]) - Number(parts[at] < others[at]);
    if (order) return order;
  }
  return parts.length - others.length;
}
