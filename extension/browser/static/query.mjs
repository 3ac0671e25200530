/**
 * Search and filters over the rows of the library: pure. What a name in a prompt means: names.mjs.
 *
 * @typedef {{id: string, name: string, stem: string, alias: string | null, folder: string,
 *   relative: string, label: string, base: string, size: number, mtime: number,
 *   weight: number | null, words: string, negative: string, triggers: string[], tags: string[],
 *   kind: string, favourite: boolean, rating: number, nsfw: string, used: number, lastUsed: number, preview: number | null,
 *   video: number | null, range: [number, number] | null, step: number | null, shownLevel: string,
 *   misfit: string | null, error: string | null, algorithm: string, unread: boolean,
 *   what: string, haystack: string, title: string, key: string, stamp: number, dice: number}} Row
 */

/** What a word can be looked for in alone: `tag:style`, `name:"ink wash"`. */
const FIELDS = {
  name: (row) => row.title,
  alias: (row) => row.alias,
  base: (row) => row.base,
  kind: (row) => row.kind,
  folder: (row) => row.folder,
  tag: (row) => row.tags.join("\n"),
  word: (row) => [row.words, ...row.triggers].join("\n"),
  type: (row) => row.algorithm,
};
/** Fields that only the program can search (library/texts.py). */
const FAR = new Set(["note", "notes", "training"]);
/** What can be asked of a file: `is:favourite`. */
export const STATES = {
  favourite: { label: "state.favourite", short: "is.favourite", test: (row) => row.favourite },
  picture: { label: "state.picture", short: "is.picture", test: (row) => Boolean(row.preview || row.video) },
  words: { label: "state.words", short: "is.words", test: (row) => Boolean(row.words || row.triggers.length) },
  misfit: { label: "state.misfit", short: "is.misfit", test: (row) => Boolean(row.misfit) },
  inversion: {
    label: "state.inversion",
    short: "is.inversion",
    test: (row) => row.what === "inversion",
  },
  checkpoint: {
    label: "state.checkpoint",
    short: "is.checkpoint",
    test: (row) => row.what === "checkpoint",
  },
  unused: {
    label: "state.unused",
    short: "is.unused",
    test: (row) => !row.used && !row.what && !row.error,
  },
  unusable: { label: "state.unusable", short: "is.unusable", test: (row) => Boolean(row.error) },
};
const ASCII = /^[\x00-\x7f]*$/; // nothing to compose
const TERM = /(?:(\p{L}+):)?(?:"([^"]*)"?|(\S*))/gu;

/**
 * What is searched, once per row: lower case, one form of accents, `_` and `-` as blanks. More is
 * alike here than where a name in a prompt is looked up (names.mjs).
 */
export function searchable(text) {
  const plain = ASCII.test(text) ? text : text.normalize("NFKC");
  return plain.toLowerCase().replace(/[_-]+/g, " ");
}

/**
 * The rows that hold every word of `text`, lie in `folder` or below it, are for `base`, and are
 * what `kind`, `tag` and `state` say. Rows whose name holds the words come first; where none holds
 * them, those with words that look alike. The order is kept otherwise. `more` are the ids of what
 * the program has found for this text, null until that is known.
 * @param {Row[]} rows
 * @param {{text?: string, folder?: string, root?: string, base?: string, kind?: string, tag?: string,
 *   state?: string, more?: Set<string> | null, ids?: Set<string> | null}} query `ids`: these only
 */
export function search(rows, { text = "", more = null, ...filters }) {
  const { words, tests, far } = readQuery(text);
  const left = rows.filter((row) => passes(row, filters) && tests.every((test) => test(row)));
  if (far) return left.filter((row) => more?.has(row.id));
  if (words.length === 0) return left;
  const found = left.filter((row) => holds(row.haystack, words) || more?.has(row.id));
  if (found.length === 0) return left.filter((row) => looksLike(row.title, words));
  return [
    ...found.filter((row) => holds(row.title, words)),
    ...found.filter((row) => !holds(row.title, words)),
  ];
}

/** The plain words of what was typed, and a test for each of its fields. */
function readQuery(text) {
  const words = [];
  const tests = [];
  let far = false;
  for (const [whole, field, quoted, bare] of text.matchAll(TERM)) {
    const wanted = searchable(quoted ?? bare).trim();
    if (whole === "" || (field && !wanted)) continue; // `tag:` is not finished yet
    if (FAR.has(field)) far = true;
    else if (field === "is" && STATES[wanted]) tests.push(STATES[wanted].test);
    else if (Object.hasOwn(FIELDS, field ?? ""))
      tests.push((row) => searchable(FIELDS[field](row) ?? "").includes(wanted));
    else words.push(...searchable(quoted ?? whole).split(/\s+/));
  }
  return { words: words.filter(Boolean), tests, far };
}

function passes(row, { folder = "", root = "", base = "", kind = "", tag = "", state = "", ids = null }) {
  return (
    (!ids || ids.has(row.id)) &&
    (!root || row.label === root) &&
    inFolder(row, folder) &&
    isFor(row, base) &&
    (!kind || row.kind === kind) &&
    (!tag || row.tags.includes(tag)) &&
    (!state || STATES[state].test(row))
  );
}

/** What nobody knows may be for any. */
export function isFor(row, base) {
  return !base || row.base === base || row.base === "Unknown";
}

function holds(haystack, words) {
  return words.every((word) => haystack.includes(word));
}

function inFolder(row, folder) {
  return !folder || row.folder === folder || row.folder.startsWith(`${folder}/`);
}

/** Every word is in the name with a letter more, less, another or exchanged; two in long words. */
function looksLike(title, words) {
  const own = title.split(/[\s.,()[\]]+/);
  return words.every((word) => {
    const most = word.length < 3 ? 0 : word.length < 8 ? 1 : 2;
    return own.some(
      (other) => Math.abs(other.length - word.length) <= most && distance(other, word) <= most,
    );
  });
}

/** Damerau and Levenshtein's, without what is moved twice. */
function distance(a, b) {
  let before = [];
  let last = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + Number(a[i - 1] !== b[j - 1]));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    [before, last] = [last, row];
  }
  return last[b.length];
}
