/**
 * What could stand at the caret of a prompt: names of LoRAs, arguments, values. Pure.
 *
 * @typedef {{kind: "name" | "argument" | "value", query: string, start: number, end: number,
 *   whole: boolean, key?: string}} Context
 *   from `start` to `end` is what a choice replaces; `whole`: by a tag, not by a name or value alone
 */

import { formatNumber, writeTag } from "./edits.mjs";
import { t } from "./language.mjs";
import { search } from "./query.mjs";

const MOST = 12;
const OPEN = /<(?:l(?:o(?:r(?:a)?)?)?)?$/i; // the beginning of a tag that is not typed yet
const HEAD = /<(?:lora|lyco|loractl):([^<>]*)$/i;
const REST = /^[^<>:]*(?=[:>])/;

/** The language's arguments in few words; values that they take where these are few. */
export const KEYS = {
  te: { about: "argument.te", values: [] },
  unet: { about: "argument.unet", values: [] },
  lbw: { about: "argument.lbw", values: [] },
  hr: { about: "argument.hr", values: ["0", "0.5", "1"] },
  mask: { about: "argument.mask", values: ["left", "right", "top", "bottom", "middle"] },
  soft: { about: "argument.soft", values: ["0.05", "0.1", "0.2"] },
  cap: { about: "argument.cap", values: ["0.4", "0.8", "0.4 each"] },
  start: { about: "argument.start", values: ["0.2", "0.5", "5"] },
  stop: { about: "argument.stop", values: ["0.5", "0.8", "10"] },
  only: { about: "argument.only", values: ["cond", "uncond", "part"] },
  sweep: { about: "argument.sweep", values: ["0;0.5;1", "0.4;0.6;0.8;1"] },
  on: { about: "argument.on", values: ["0", "1"] },
  hash: { about: "argument.hash", values: [] },
};

/** @param {string} text @param {number} caret @returns {Context | null} */
export function contextAt(text, caret) {
  const before = text.slice(0, caret);
  const open = OPEN.exec(before);
  if (open && !/[\w)]</.test(before.slice(open.index - 1)))
    return { kind: "name", query: "", start: open.index, end: caret, whole: true };
  const head = HEAD.exec(before);
  if (!head) return null;
  const items = head[1].split(":");
  const last = items.at(-1);
  const start = caret - last.length;
  if (items.length === 1) return nameAt(text, head.index, start, caret);
  const [, key, value] = /^\s*(\w+)=(.*)$/s.exec(last) ?? [];
  if (key) return { kind: "value", key, query: value, start: caret - value.length, end: caret, whole: false };
  return /^\s*[a-z]*$/i.test(last)
    ? { kind: "argument", query: last.trim(), start, end: caret, whole: false }
    : null;
}

/** Inside a tag that goes on, the name alone is replaced; else the whole of what is there. */
function nameAt(text, open, start, caret) {
  const query = text.slice(start, caret);
  const rest = REST.exec(text.slice(caret));
  return rest
    ? { kind: "name", query, start, end: caret + rest[0].length, whole: false }
    : { kind: "name", query, start: open, end: caret, whole: true };
}

/**
 * The choices at a place, the best first: what is shown, and what is written.
 * @param {Context} context @param {import("./query.mjs").Row[]} rows
 * @param {Record<string, any>} presets of block weights, by name
 * @returns {{label: string, about: string, text: string, row?: object}[]}
 */
export function choicesFor(context, rows, presets = {}) {
  if (context.kind === "name") return names(context, rows);
  const query = context.query.toLowerCase();
  const begins = (word) => word.toLowerCase().startsWith(query) && word.toLowerCase() !== query;
  if (context.kind === "argument")
    return Object.entries(KEYS)
      .filter(([key]) => begins(key))
      .map(([key, { about }]) => ({ label: `${key}=`, about: t(about), text: `${key}=` }));
  const known = context.key === "lbw" ? Object.keys(presets) : (KEYS[context.key]?.values ?? []);
  return known
    .filter(begins)
    .slice(0, MOST)
    .map((value) => ({ label: value, about: "", text: value }));
}

function names({ query, whole }, rows) {
  const usable = search(rows, { text: query }).filter(({ error }) => !error);
  const fitting = [...usable.filter(({ misfit }) => !misfit), ...usable.filter(({ misfit }) => misfit)];
  return fitting.slice(0, MOST).map((row) => {
    const tag = writeTag(row.name, row.weight ?? 1, whole ? row.hash : "");
    const name = tag.slice("<lora:".length, -`:${formatNumber(row.weight ?? 1)}>`.length);
    return { label: row.name, about: row.misfit ?? row.base, text: whole ? tag : name, row };
  });
}
