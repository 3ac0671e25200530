/** A row as the page uses it: what the server left out, and what is searched and sorted by. Pure. */

import { sortKey } from "./orders.mjs";
import { searchable } from "./query.mjs";

let stamps = 0;

/**
 * One file. Every field is written out: objects of one shape are made a hundred times as fast as
 * by spreading one over another, which took most of a large library's first second.
 */
class Row {
  constructor(sent, label) {
    this.id = sent.id;
    this.name = sent.name;
    this.stem = sent.stem ?? sent.name;
    this.alias = sent.alias ?? null;
    this.folder = sent.folder ?? "";
    this.relative = sent.relative ?? (this.folder ? `${this.folder}/${this.stem}` : this.stem);
    this.label = sent.label ?? label;
    this.base = sent.base ?? "Unknown";
    this.algorithm = sent.algorithm ?? "";
    this.unread = sent.unread ?? false;
    this.hash = sent.hash ?? null;
    this.size = sent.size ?? 0;
    this.mtime = sent.mtime ?? 0;
    this.preview = sent.preview ?? null;
    this.video = sent.video ?? null;
    this.misfit = sent.misfit ?? null;
    this.error = sent.error ?? null;
    this.said(sent);
    this.title = searchable(this.name);
    this.key = sortKey(this.name);
    this.haystack = searchable(haystack(this));
    this.dice = 0;
    this.what = sent.what ?? ""; // no LoRA: shelf.mjs
    this.stamp = stamps += 1; // so that a card can tell whether it shows this row as it is now
  }

  /** What people say of the file. */
  said(sent) {
    this.weight = sent.weight ?? null;
    this.range = sent.range ?? null;
    this.step = sent.step ?? null;
    this.words = sent.words ?? "";
    this.negative = sent.negative ?? "";
    this.triggers = sent.triggers ?? [];
    this.tags = sent.tags ?? [];
    this.kind = sent.kind ?? "";
    this.favourite = sent.favourite ?? false;
    this.rating = sent.rating ?? 0;
    this.nsfw = sent.nsfw ?? "";
    this.shownLevel = sent.preview_nsfw ?? this.nsfw; // of the preview, where that is known
    this.used = sent.used ?? 0; // pictures
    this.lastUsed = sent.last_used ?? 0; // seconds since 1970
  }
}

function haystack(row) {
  const told = [row.base, row.algorithm, row.kind, row.error ? "unusable damaged" : ""];
  const named = [row.name, row.alias ?? "", row.relative, row.words, ...row.triggers, ...row.tags];
  return [...named, ...told].join("\n");
}

/**
 * @param {Record<string, any>} sent @param {string} label of rows that give none
 * @returns {import("./query.mjs").Row}
 */
export function complete(sent, label) {
  return new Row(sent, label);
}
