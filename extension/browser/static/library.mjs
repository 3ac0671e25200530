/** The library as the page knows it: rows, names, and who wants to hear when they change. */

import { fetchLibrary, refreshLibrary } from "./api.mjs";
import { Names } from "./names.mjs";
import { searchable } from "./query.mjs";
import { addsWords } from "./settings.mjs";

const LATER = 1500; // ms until files that the server has not looked at yet are asked for again

export class Library {
  constructor() {
    this.listeners = new Set();
    this.state = "loading";
    this.error = "";
    this.take({});
  }

  /** Calls back now and after every change; returns what ends that. */
  watch(listener) {
    this.listeners.add(listener);
    listener(this);
    return () => this.listeners.delete(listener);
  }

  load() {
    return this.get(fetchLibrary);
  }

  refresh() {
    return this.get(refreshLibrary);
  }

  /**
   * What a name in a tag leads to, by the program's own rules.
   * @returns {{row?: object, candidates?: object[]}} neither where nothing has this name
   */
  resolve(name) {
    const found = this.names.find(name);
    if (found.length === 0) return {};
    return found.length === 1 ? { row: found[0] } : { candidates: found };
  }

  /** The names that look most like `name`. @returns {string[]} */
  nearest(name) {
    return this.names.nearest(name);
  }

  /** The trigger words that go in and out of a prompt with this LoRA's tag; "" where none do. */
  wordsToAdd(name) {
    return addsWords() ? (this.resolve(name).row?.words ?? "") : "";
  }

  /** Asks again, without a word, if what is known is older than so many ms. */
  freshen(age) {
    if (this.state !== "ready" || Date.now() - this.since < age) return;
    this.since = Date.now();
    fetchLibrary().then(
      (answer) => this.replace(answer),
      () => {},
    ); // the next one may succeed
  }

  async get(fetching) {
    this.state = "loading";
    this.tell();
    try {
      this.replace(await fetching(), "ready");
    } catch (error) {
      this.state = "failed";
      this.error = error.message;
      this.tell();
    }
  }

  /** Takes an answer in; the same one again changes nothing. */
  replace(answer, state = this.state) {
    const same = state === this.state && answer.etag && answer.etag === this.etag;
    this.since = Date.now();
    this.state = state;
    if (!same) this.take(answer);
    if (!same) this.tell();
    if (answer.pending) setTimeout(() => this.freshen(0), LATER);
  }

  take({ loras = [], label = "", model = null, etag = null }) {
    this.etag = etag;
    this.rows = loras.map((row) => complete(row, label));
    this.model = model;
    this.names = new Names(this.rows);
  }

  tell() {
    for (const listener of this.listeners) listener(this);
  }
}

/** Keys the server left out, and what is searched. */
function complete(row, label) {
  const { name, stem = name, alias = null, words = "", triggers = [], tags = [] } = row;
  const folder = row.folder ?? "";
  const relative = row.relative ?? (folder ? `${folder}/${stem}` : stem);
  const haystack = searchable(
    [name, stem, alias ?? "", folder, words, ...triggers, ...tags].join("\n"),
  );
  return {
    base: "Unknown",
    size: 0,
    mtime: 0,
    weight: null,
    preview: null,
    misfit: null,
    error: null,
    label,
    ...row,
    stem,
    alias,
    folder,
    relative,
    words,
    triggers,
    haystack,
    title: searchable(name),
  };
}
