/**
 * Which files a name in a prompt can mean, and which names look like it: the program's own rules
 * (library/names.py); tests/cases/names.json holds both to them. Pure.
 *
 * @typedef {import("./query.mjs").Row} Row
 */

const SUGGESTED = 3;
const LONGEST = 199;
const ALIKE = 0.6; // difflib's
const ASCII = /^[\x00-\x7f]*$/;
const PORTION = 200; // names compared between two looks at the clock

/**
 * The names that rows answer to. All names of a file end in its stem: two tables, by stem and by
 * alias, lead to the few rows that a name can mean, and these are asked for their spellings. To
 * fill a table for every spelling takes more than twenty times as long.
 */
export class Names {
  /** @param {Row[]} rows */
  constructor(rows) {
    this.stems = new Map();
    this.aliases = new Map();
    for (const row of rows) this.add(row);
  }

  add(row) {
    enter(this.stems, row.stem, row);
    enter(this.aliases, row.alias, row);
  }

  remove(row) {
    leave(this.stems, row.stem, row);
    leave(this.aliases, row.alias, row);
  }

  /**
   * The rows that the first rule that fits gives; several mean the name is ambiguous.
   * Rules: path with suffix, stem, path without suffix, file name; alias; then all these without
   * regard to case; then all of it with Windows' backslashes read as slashes.
   * @returns {Row[]}
   */
  find(name) {
    for (const spelled of new Set([name, name.replaceAll("\\", "/")])) {
      const found = this.spelled(spelled, (one) => one) ?? this.spelled(spelled, fold);
      if (found) return found;
    }
    return [];
  }

  /** The rows of the first rule, names compared in this form. */
  spelled(name, form) {
    const wanted = form(name);
    const rows = this.alike(wanted);
    for (const nameOf of KINDS) {
      const found = rows.filter((row) => form(nameOf(row) || "") === wanted);
      if (found.length) return found;
    }
    const named = placed(this.aliases, fold(wanted));
    const found = named.filter(({ alias }) => form(alias) === wanted);
    return found.length ? found : null;
  }

  /** The rows of which the last part of this name may be the stem, with suffix or without. */
  alike(name) {
    const last = name.slice(name.lastIndexOf("/") + 1);
    const stems = new Set([fold(last), fold(bare({ relative: last }))]);
    return [...stems].flatMap((stem) => placed(this.stems, stem));
  }

  /**
   * Up to 3 names or aliases that look like `name`: difflib's, then those that contain it. The
   * folder is left out of the comparison: what is in the same one is not alike for that.
   */
  nearest(name) {
    const steps = this.suggesting(name);
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value;
    }
  }

  /** The same in many small steps. */
  *suggesting(name) {
    const file = name.replaceAll("\\", "/").replace(/^.*\//s, "");
    const wanted = fold([...file].slice(0, LONGEST).join(""));
    const scored = [];
    const within = [];
    let count = 0;
    for (const known of this.known()) {
      score(known, wanted, scored);
      if (contain(known, wanted)) within.push(known);
      count += 1;
      if (count % PORTION === 0) yield;
    }
    const own = [...best(scored, SUGGESTED), ...within.sort(byLength)];
    return [...new Set(own.flatMap((one) => this.written(one)))].slice(0, SUGGESTED);
  }

  /** Every folded stem and alias, once. */
  *known() {
    yield* this.stems.keys();
    for (const alias of this.aliases.keys()) if (!this.stems.has(alias)) yield alias;
  }

  /** What to write for a folded stem or alias; for a stem, the names of its files. */
  written(own) {
    const names = placed(this.stems, own).map(({ name }) => name);
    return [...names, ...placed(this.aliases, own).map(({ alias }) => alias)];
  }
}

/** A list only where several rows have the name: most have one of their own. */
function enter(table, name, row) {
  if (!name) return;
  const key = fold(name);
  const known = table.get(key);
  if (Array.isArray(known)) known.push(row);
  else table.set(key, known ? [known, row] : row);
}

function leave(table, name, row) {
  if (!name) return;
  const key = fold(name);
  const left = placed(table, key).filter((one) => one !== row);
  if (left.length) table.set(key, left);
  else table.delete(key);
}

/** @returns {Row[]} */
function placed(table, key) {
  const found = table.get(key) ?? [];
  return Array.isArray(found) ? found : [found];
}

/** One form for names that differ in case or in Unicode composition. */
function fold(name) {
  if (ASCII.test(name)) return name.toLowerCase();
  return name.normalize("NFC").toLowerCase().toUpperCase().toLowerCase().normalize("NFC");
}

const bare = ({ relative }) => relative.replace(/\.[^./]*$/, "");
const KINDS = [
  ({ relative }) => relative,
  ({ stem }) => stem,
  bare,
  ({ relative }) => relative.replace(/^.*\//s, ""),
  ({ label, relative }) => label && `${label}/${relative}`,
  (row) => row.label && `${row.label}/${bare(row)}`,
];

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
  const scored = [];
  for (const name of known) score(name, word, scored);
  return best(scored, most);
}

function score(name, wanted, scored) {
  const found = ratio([...name], [...wanted]);
  if (found >= ALIKE) scored.push({ name, score: found });
}

function best(scored, most) {
  scored.sort((a, b) => b.score - a.score || byCodePoints(b.name, a.name));
  return scored.slice(0, most).map(({ name }) => name);
}

/** Ratcliff and Obershelp's: twice what matches, by the length of both; 0 where it is not alike. */
function ratio(a, b) {
  const both = a.length + b.length;
  if (both === 0) return 1;
  if (2 * Math.min(a.length, b.length) < ALIKE * both) return 0;
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
