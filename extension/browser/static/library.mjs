/** The library as the page knows it: rows, names, and who wants to hear when they change. */

import { fetchHash, fetchLibrary, refreshLibrary } from "./api.mjs";
import { Names } from "./names.mjs";
import { Nearest } from "./nearest.mjs";
import { complete } from "./rows.mjs";
import { addsWords } from "./settings.mjs";

const WHILE_READING = 1000; // ms between two questions
const AT_REST = 5000;
const SHORTEST = 6; // digits of a hash in a tag

export class Library {
  constructor() {
    this.listeners = new Set();
    this.state = "loading";
    this.error = "";
    this.read = this.files = 0;
    this.near = new Nearest(() => this.tell());
    this.inSight = () => [];
    this.folders = []; // [library folder's name, path in it, files], empty ones too
    this.replace({});
  }

  /** Calls back now and after every change; returns what ends that. */
  watch(listener) {
    this.listeners.add(listener);
    listener(this);
    return () => this.listeners.delete(listener);
  }

  load() {
    return this.get(() => fetchLibrary());
  }

  refresh() {
    return this.get(() => refreshLibrary(this.since));
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

  /** What a tag leads to: by its hash where a file is known to have it, else by its name. */
  find(tag) {
    const written = tag.args.findLast(({ key }) => key === "hash")?.value.trim().toLowerCase() ?? "";
    const hash = written.replace(/^0x/, "");
    const known = (this.hashes.get(hash.slice(0, SHORTEST)) ?? []).find(
      (row) => row.hash.startsWith(hash) || hash.startsWith(row.hash),
    );
    return known ? { row: known } : this.resolve(tag.name);
  }

  /** The names that look most like `name`, or null until that is known: listeners then hear. */
  nearest(name) {
    return this.near.of(name);
  }

  /** The trigger words that go in and out of a prompt with this LoRA's tag; "" where none do. */
  wordsOf(tag) {
    return this.wordsToAdd(this.find(tag).row);
  }

  wordsToAdd(row) {
    return addsWords() ? (row?.words ?? "") : "";
  }

  /** Asks for what changed, again and again while the page is in sight. */
  keepFresh() {
    const again = () => {
      const pause = this.read < this.files ? WHILE_READING : AT_REST;
      this.timer = setTimeout(() => this.freshen().finally(again), pause);
    };
    again();
    document.addEventListener("visibilitychange", () => this.freshen());
  }

  /** Asks once, without a word where that fails: the next one may succeed. */
  async freshen() {
    if (this.state !== "ready" || this.asking || document.visibilityState === "hidden") return;
    this.asking = true;
    try {
      this.take(await fetchLibrary(this.since, this.inSight()));
    } catch {
      // the server is busy or gone; what is known stays
    } finally {
      this.asking = false;
    }
  }

  async get(fetching) {
    this.state = "loading";
    this.tell();
    try {
      const answer = await fetching();
      this.state = "ready";
      this.take(answer, true);
    } catch (error) {
      this.state = "failed";
      this.error = error.message;
      this.tell();
    }
  }

  /** Takes an answer in: the whole library, or what changed; listeners hear where anything did. */
  take(answer, always = false) {
    const { all = true, loras = [], gone = [], read = 0, files = 0, since } = answer;
    if (answer.folders) this.folders = answer.folders;
    const moved = read !== this.read || files !== this.files;
    Object.assign(this, { since, read, files });
    if (all) this.replace(answer);
    else if (loras.length || gone.length) this.change(answer);
    if (always || all || moved || loras.length || gone.length) this.tell();
  }

  replace({ loras = [], label = "", model = null }) {
    this.model = model;
    this.rows = loras.map((row) => complete(row, label));
    this.byId = new Map(this.rows.map((row) => [row.id, row]));
    this.hashes = new Map();
    for (const row of this.rows) this.keepHash(row);
    this.names = new Names(this.rows);
    this.near.forget(this.names);
  }

  /** Rows stay the same objects, so that whoever sorted them need not do it again. */
  change({ loras = [], gone = [], label, model = null }) {
    this.model = model;
    for (const id of gone) this.drop(id);
    const renamed = loras.filter((sent) => this.put(complete(sent, label))).length;
    if (gone.length || renamed) this.rows = [...this.byId.values()];
    if (gone.length || renamed) this.near.forget(this.names);
  }

  /** Computed by the server: a name that would be cut in a prompt is written with it. */
  async learnHash(row) {
    row.hash = (await fetchHash(row.id)).hash;
    this.keepHash(row);
  }

  /** Which of the library's folders has this name, from 0. */
  place(root) {
    const roots = [...new Set(this.folders.map(([label]) => label))];
    return Math.max(0, roots.indexOf(root));
  }

  keepHash(row) {
    const key = row.hash?.slice(0, SHORTEST);
    const others = (this.hashes.get(key) ?? []).filter(({ id }) => id !== row.id);
    if (key) this.hashes.set(key, [...others, row]);
  }

  /** True where the row is new, or answers to other names than before. */
  put(row) {
    const known = this.byId.get(row.id);
    if (known && known.alias === row.alias && known.name === row.name) {
      this.keepHash(Object.assign(known, row));
      return false;
    }
    if (known) this.names.remove(known);
    const kept = known ? Object.assign(known, row) : row;
    this.names.add(kept);
    this.byId.set(row.id, kept);
    this.keepHash(kept);
    return true;
  }

  drop(id) {
    const row = this.byId.get(id);
    if (!row) return;
    this.byId.delete(id);
    this.names.remove(row);
  }

  tell() {
    for (const listener of this.listeners) listener(this);
  }
}
