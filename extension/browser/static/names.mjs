/**
 * Which files a name in a prompt can mean, and which names look like it: the program's own rules
 * (library/names.py); tests/cases/names.json holds both to them. Pure.
 *
 * @typedef {import("./query.mjs").Row} Row
 */

const SUGGESTED = 3;
const LONGEST = 199;
const ALIKE = 0.6; // difflib's

/** The names that rows answer to. Tables are made when first needed. */
export class Names {
  /** @param {Row[]} rows */
  constructor(rows) {
    this.rows = rows;
    this.tables = new Map();
    this.suggestions = new Map();
  }

  /**
   * The rows that the first rule that fits gives; several mean the name is ambiguous.
   * Rules: path with suffix, stem, path without suffix, file name; alias; then all these without
   * regard to case; then all of it with Windows' backslashes read as slashes.
   * @returns {Row[]}
   */
  find(name) {
    for (const spelled of new Set([name, name.replaceAll("\\", "/")])) {
      const found = this.lookUp(spelled, asItIs) ?? this.lookUp(fold(spelled), fold);
      if (found) return found;
    }
    return [];
  }

  lookUp(name, key) {
    if (!this.tables.has(key)) this.tables.set(key, nameTables(this.rows, key));
    const tables = this.tables.get(key);
    return tables.map((table) => table.get(name)).find(Boolean);
  }

  /**
   * Up to 3 names or aliases that look like `name`: difflib's, then those that contain it. The
   * folder is left out of the comparison: what is in the same one is not alike for that.
   */
  nearest(name) {
    if (!this.suggestions.has(name)) this.suggestions.set(name, this.suggest(name));
    return this.suggestions.get(name);
  }

  suggest(name) {
    this.written ??= writtenNames(this.rows);
    const file = name.replaceAll("\\", "/").replace(/^.*\//s, "");
    const wanted = fold([...file].slice(0, LONGEST).join(""));
    const known = [...this.written.keys()];
    const within = known.filter((own) => contain(own, wanted)).sort(byLength);
    const found = [...closeMatches(wanted, known, SUGGESTED), ...within];
    const names = found.flatMap((own) => this.written.get(own));
    return [...new Set(names)].slice(0, SUGGESTED);
  }
}

/** One form for names that differ in case or in Unicode composition. */
function fold(name) {
  return name.normalize("NFC").toLowerCase().toUpperCase().toLowerCase().normalize("NFC");
}

function asItIs(name) {
  return name;
}

/** One table per kind of name, in the order they are tried. */
function nameTables(rows, key) {
  const bare = ({ relative }) => relative.replace(/\.[^./]*$/, "");
  const kinds = [
    ({ relative }) => relative,
    ({ stem }) => stem,
    bare,
    ({ relative }) => relative.replace(/^.*\//s, ""),
    ({ label, relative }) => label && `${label}/${relative}`,
    (row) => row.label && `${row.label}/${bare(row)}`,
    ({ alias }) => alias,
  ];
  return kinds.map((nameOf) => table(rows, (row) => (nameOf(row) ? key(nameOf(row)) : null)));
}

function table(rows, nameOf) {
  const found = new Map();
  for (const row of rows) {
    const name = nameOf(row);
    if (found.has(name)) found.get(name).push(row);
    else if (name !== null) found.set(name, [row]);
  }
  return found;
}

/** Folded stem or alias -> what to write for it; for a stem, the names of its files. */
function writtenNames(rows) {
  const written = new Map();
  const add = (key, name) => written.set(key, [...(written.get(key) ?? []), name]);
  for (const { stem, name } of rows) add(fold(stem), name);
  for (const { alias } of rows) if (alias) add(fold(alias), alias);
  return written;
}

/** True where one is part of the other, and more than a letter or two. */
function contain(name, other) {
  const shorter = Math.min([...name].length, [...other].length);
  return shorter > 2 && (name.includes(other) || other.includes(name));
}

function byLength(a, b) {
  return [...a].length - [...b].length || byCodePoints(a, b);
}

/** As Python orders strings; `<` orders them by UTF-16 units. */
function byCodePoints(a, b) {
  const [left, right] = [[...a], [...b]];
  const at = left.findIndex((sign, index) => sign !== right[index]);
  if (at < 0) return left.length - right.length;
  return at < right.length ? left[at].codePointAt(0) - right[at].codePointAt(0) : 1;
}

/** Python's difflib.get_close_matches: the best first, of equal ones the last by name. */
export function closeMatches(word, known, most) {
  const wanted = [...word];
  const scored = [];
  for (const name of known) {
    const score = ratio([...name], wanted);
    if (score >= ALIKE) scored.push({ name, score });
  }
  scored.sort((a, b) => b.score - a.score || byCodePoints(b.name, a.name));
  return scored.slice(0, most).map(({ name }) => name);
}

/** Ratcliff and Obershelp's: twice what matches, by the length of both; 0 where it is not alike. */
function ratio(a, b) {
  const both = a.length + b.length;
  if (both === 0) return 1;
  if (2 * inCommon(a, b) < ALIKE * both) return 0; // it cannot be more
  return (2 * matching(a, 0, a.length, b, 0, b.length)) / both;
}

/** How many characters both have, wherever they stand. */
function inCommon(a, b) {
  const left = new Map();
  for (const sign of b) left.set(sign, (left.get(sign) ?? 0) + 1);
  let found = 0;
  for (const sign of a) {
    const count = left.get(sign) ?? 0;
    if (count > 0) found += 1;
    left.set(sign, count - 1);
  }
  return found;
}

/** The length of the longest common run, and of those to its left and to its right. */
function matching(a, aFrom, aTo, b, bFrom, bTo) {
  const { at, bt, size } = longestRun(a, aFrom, aTo, b, bFrom, bTo);
  if (size === 0) return 0;
  const before = matching(a, aFrom, at, b, bFrom, bt);
  return before + size + matching(a, at + size, aTo, b, bt + size, bTo);
}

/** The first in a, and of these the first in b. */
function longestRun(a, aFrom, aTo, b, bFrom, bTo) {
  let best = { at: aFrom, bt: bFrom, size: 0 };
  let before = new Map(); // where in b a run ends at a[i - 1] -> its length
  for (let i = aFrom; i < aTo; i += 1) {
    const here = new Map();
    for (let j = bFrom; j < bTo; j += 1) {
      if (a[i] !== b[j]) continue;
      const size = (before.get(j - 1) ?? 0) + 1;
      here.set(j, size);
      if (size > best.size) best = { at: i - size + 1, bt: j - size + 1, size };
    }
    before = here;
  }
  return best;
}
