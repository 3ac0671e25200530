/** Textual inversions and checkpoints beside the LoRAs: shown in the grid, in no tag's name. */

import { json } from "./api.mjs";
import { t } from "./language.mjs";
import { complete } from "./rows.mjs";
import { searchable } from "./query.mjs";

const WHILE_READING = 1000; // ms between two questions
export const WHATS = { inversion: "what.inversion", checkpoint: "what.checkpoint" };

export class Shelf {
  /** @param {() => void} changed called when there are other files than before */
  constructor(changed) {
    Object.assign(this, { changed, rows: [], joined: {}, apart: {} });
  }

  /** Asks for all of them, and again while the server reads; `again`: after a look at the folders. */
  async load(again = false) {
    clearTimeout(this.timer);
    const answer = await json(again ? "shelf?again=1" : "shelf").catch(() => null);
    if (!answer?.files) return; // a program without such files: the page works all the same
    const { files, read } = answer;
    const before = JSON.stringify(this.sent);
    this.sent = files;
    if (JSON.stringify(files) !== before) this.take(files);
    if (read < files.length) this.timer = setTimeout(() => this.load(), WHILE_READING);
  }

  take(files) {
    this.rows = files.map((sent) => {
      const row = complete(sent, "");
      row.haystack += `\n${searchable(`${row.what} ${t(WHATS[row.what])}`)}`;
      return row;
    });
    this.changed();
  }

  /** All that the grid shows; the same list while nothing changes. */
  beside(loras) {
    if (this.rows.length === 0) return loras;
    if (this.joined.loras !== loras || this.joined.rows !== this.rows)
      this.joined = { loras, rows: this.rows, all: [...loras, ...this.rows] };
    return this.joined.all;
  }

  /** The LoRAs among these; the same list for the same items. */
  without(items) {
    if (this.rows.length === 0) return items;
    if (this.apart.items !== items)
      this.apart = { items, loras: items.filter(({ what }) => !what) };
    return this.apart.loras;
  }
}
