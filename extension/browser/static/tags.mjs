/**
 * Where the LoRA tags of a prompt are: the page's reading of the language, pure, one pass.
 *
 * Spans count UTF-16 units, as a textarea's selection does. What a value means (curves, blocks)
 * is the program's business: here every value that is not a plain number is opaque text.
 *
 * @typedef {{key: string | null, value: string, from: number, start: number, end: number}} Argument
 *   from `start` to `end` it is the value alone; `from` is where its key begins, behind the colon
 * @typedef {{name: string, start: number, end: number,
 *            nameStart: number, nameEnd: number, args: Argument[]}} Tag
 * @typedef {{role: "weight" | "te" | "unet", value: number | null, text: string,
 *            start: number, end: number, lead: string}} Weight
 *   one strength of a tag; `value` is null where it is no plain number. Where nothing is written
 *   yet, start = end and `lead` is what must precede the number.
 */

const HEAD = /<(?:lora|lyco|loractl):/gi;
const ANY_HEAD = /<[\p{L}\p{N}_]+:/uy;
const STOP = /\\.|[<>:"=]/gs;
const KEY = /^\s*[\p{L}_][\p{L}\p{N}_]*\s*$/u;
const QUOTED = /"[^"\\]*(?:\\.[^"\\]*)*"(?=\s*[:>])/sy;
const ESCAPED = /\\([\\:<>"=])/g;
const NUMBER = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$/i;
/** The named arguments of the language: the first item that is none of them is the tag's name. */
export const ARGUMENTS = [
  "cap",
  "capped",
  "dyn",
  "hash",
  "hr",
  "hrcapped",
  "hrte",
  "hrunet",
  "in",
  "lbw",
  "lbwe",
  "mask",
  "mid",
  "on",
  "only",
  "out",
  "seed",
  "soft",
  "start",
  "step",
  "stop",
  "sweep",
  "te",
  "unet",
  "without",
  "x",
];
const OFF = new Set(["0", "off", "false"]);

/**
 * The tags of a prompt, in order; what only looks like one, or is badly written, is none.
 * @param {string} text
 * @returns {Tag[]}
 */
export function scan(text) {
  const tags = [];
  let position = 0;
  for (let head = next(HEAD, text, position); head; head = next(HEAD, text, position)) {
    const body = readBody(text, head.index, head.index + head[0].length);
    position = body.end;
    const tag = body.items && tagOf(text, head.index, body);
    if (tag) tags.push(tag);
  }
  return tags;
}

/** A number as Python's float reads it, or null. */
export function asNumber(text) {
  return NUMBER.test(text) && Number.isFinite(Number(text)) ? Number(text) : null;
}

/** A tag is on unless it says `on=0` (or off, or false). */
export function isOn(tag) {
  const on = named(tag, "on");
  return !on || !OFF.has(on.value.trim().toLowerCase());
}

/**
 * The strengths of a tag, as written: `weight` for both parts, or `te` and `unet` apart.
 * @param {Tag} tag
 * @returns {Weight[]}
 */
export function weights(tag) {
  const [first, second] = tag.args.filter((argument) => argument.key === null);
  const te = named(tag, "te") ?? first;
  const unet = named(tag, "unet") ?? (second && isStrength(second.value) ? second : undefined);
  if (te && unet) return [weight("te", te), weight("unet", unet)];
  if (unet) return [weight("unet", unet)];
  if (te) return [weight("weight", te)];
  return [{ role: "weight", value: 1, text: "", start: tag.nameEnd, end: tag.nameEnd, lead: ":" }];
}

/** The strength of this role, or undefined where the tag does not say it apart. */
export function weightOf(tag, role) {
  return weights(tag).find((weight) => weight.role === role);
}

/** A number or a curve; in the second place, others write block weights. */
export function isStrength(text) {
  return asNumber(text) !== null || /[@~]/.test(text);
}

/** Of several arguments of one name the last counts. */
export function named(tag, key) {
  return tag.args.findLast((argument) => argument.key === key);
}

function weight(role, argument) {
  const text = argument.value.trim();
  return { role, value: asNumber(text), text, ...valueSpan(argument), lead: "" };
}

/** Where an argument's value stands, without the blanks around it. */
export function valueSpan({ value, start }) {
  const from = start + value.length - value.trimStart().length;
  return { start: from, end: from + value.trim().length };
}

/** Null where no item can be the name. An `=` in the name is part of it. */
function tagOf(text, start, { items, end }) {
  const args = items.map((item) => argument(text, item));
  const at = args.findIndex(({ key }) => !ARGUMENTS.includes(key));
  const [{ from, end: nameEnd }] = at < 0 ? [{}] : args.splice(at, 1);
  const name = at < 0 ? "" : unquote(text.slice(from, nameEnd));
  return name.trim() ? { name, start, end, nameStart: from, nameEnd, args } : null;
}

function argument(text, { from, start, end }) {
  const key =
    start > from
      ? text
          .slice(from, start - 1)
          .trim()
          .toLowerCase()
      : null;
  return { key, value: text.slice(start, end), from, start, end };
}

/** From behind `<lora:` to the `>` that closes it; without `items` where this is no tag. */
function readBody(text, start, body) {
  const items = [{ from: body, start: body }];
  let stray = false;
  let position = body;
  for (let stop = next(STOP, text, position); stop; stop = next(STOP, text, position)) {
    const at = stop.index;
    const item = items.at(-1);
    position = at + stop[0].length;
    if (stop[0] === ">") {
      item.end = at;
      return at === body || stray ? { end: at + 1 } : { items, end: at + 1 };
    }
    if (stop[0] === "<") {
      if (here(ANY_HEAD, text, at)) return { end: at };
      stray = true;
    } else if (stop[0] === "\\>" && text[start - 1] === "\\") return { end: position };
    else if (stop[0] === ":") {
      item.end = at;
      items.push({ from: at + 1, start: at + 1 });
    } else position = inside(text, item, at, stop[0], position);
  }
  return { end: text.length };
}

/** A key ends at the first `=` of its item; quotation marks count at the value's beginning only. */
function inside(text, item, at, sign, position) {
  if (item.written) return position;
  if (sign === "=" && item.start === item.from && KEY.test(text.slice(item.from, at))) {
    item.start = at + 1;
    return position;
  }
  item.written = true;
  if (sign !== '"' || text.slice(item.start, at).trim()) return position;
  const quoted = here(QUOTED, text, at);
  return quoted ? at + quoted[0].length : position;
}

function unquote(raw) {
  const inner = /^\s*"([^"\\]*(?:\\.[^"\\]*)*)"\s*$/s.exec(raw);
  return inner ? inner[1].replace(/\\(["\\])/g, "$1") : raw.replace(ESCAPED, "$1").trim();
}

function next(pattern, text, position) {
  pattern.lastIndex = position;
  return pattern.exec(text);
}

/** A match that begins exactly at `at`. */
function here(pattern, text, at) {
  return next(pattern, text, at);
}
