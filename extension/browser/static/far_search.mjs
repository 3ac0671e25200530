/**
 * What the page's own rows do not hold, notes and tags of the training, the program searches: asked
 * when typing rests, so that the rows' own answer never waits for it.
 */

import { fetchFound } from "./api.mjs";

const REST = 250; // ms without another question

export class FarSearch {
  /** @param {() => void} found called when the answer to the last question is there */
  constructor(found) {
    Object.assign(this, { found, asked: "", text: "", ids: new Set() });
  }

  /** @returns {Set<string> | null} ids of files that have every word; null: not known yet */
  of(text) {
    const wanted = text.trim();
    if (wanted !== this.asked) this.wait(wanted);
    return wanted === this.text ? this.ids : null;
  }

  wait(text) {
    this.asked = text;
    clearTimeout(this.timer);
    if (text) this.timer = setTimeout(() => this.ask(text), REST);
    else this.answer(text, []);
  }

  /** A search that fails finds nothing more: the rows' own is there. */
  async ask(text) {
    const { ids } = await fetchFound(text).catch(() => ({ ids: [] }));
    if (text !== this.asked) return;
    this.answer(text, ids);
    this.found();
  }

  answer(text, ids) {
    Object.assign(this, { text, ids: new Set(ids) });
  }
}
