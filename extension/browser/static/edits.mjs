/**
 * What the page may do to a prompt, as edits of its text: pure functions from tags to edits.
 *
 * Each edit touches only the span it is about: blanks, commas and the user's own spelling stay.
 * The program makes the same edits (prompt/edits.py); tests/cases/edits.json holds both to it.
 *
 * @typedef {{start: number, end: number, text: string}} Edit
 * @typedef {import("./tags.mjs").Tag} Tag
 * @typedef {import("./tags.mjs").Weight} Weight
 */

import { asNumber, named, valueSpan, weights } from "./tags.mjs";

// Python and JavaScript disagree on a few blanks: what either cuts off is quoted by both.
const NEEDS_QUOTES = /[<>:="\\]|^[\s\x1c-\x1f\x85]|[\s\x1c-\x1f\x85]$|^$/;

const HIRES = new Set(["hr", "hrte", "hrunet"]);
const POINT = /(^|[;,]\s*)([^;,@~\s]+)/g; // what a curve has at each point

/** A weight as people write it: at most four decimals, no trailing zeros, no minus zero. */
export function formatNumber(value) {
  return String(Number(value.toFixed(4)) || 0);
}

/** A file's name as a tag may hold it: quoted where it has characters that the language uses. */
function writeName(name) {
  return NEEDS_QUOTES.test(name) ? `"${name.replace(/["\\]/g, "\\$&")}"` : name;
}

// What the webui's comments, Dynamic Prompts and wildcards take out of a prompt (interpret.py).
const TAKEN_OUT = /[#{}%]|\$\$|__/g;

/** Whether others would cut a tag with this name, so that the file has to be told by its hash. */
export function needsHash(name) {
  return name.search(TAKEN_OUT) >= 0;
}

/** The tag that a click adds; with a hash, its name only says to people what it is. */
export function writeTag(name, value, hash = "") {
  const byHash = hash && needsHash(name);
  const shown = byHash ? name.replace(TAKEN_OUT, "-").trim() : name;
  return `<lora:${writeName(shown)}:${formatNumber(value)}${byHash ? `:hash=${hash}` : ""}>`;
}

/** @param {Weight} weight @returns {Edit} the number alone, the blanks around it stay */
export function setWeight(weight, value) {
  return { start: weight.start, end: weight.end, text: weight.lead + formatNumber(value) };
}

/** @param {Tag} tag @returns {Edit} another file under the same arguments */
export function setName(tag, name) {
  return { start: tag.nameStart, end: tag.nameEnd, text: writeName(name) };
}

/** @param {Tag} tag @returns {Edit} off is `on=0` at the tag's end, on is nothing at all */
export function setOn(text, tag, on) {
  const written = named(tag, "on");
  if (!written) return { start: tag.end - 1, end: tag.end - 1, text: on ? "" : ":on=0" };
  if (on) return join(text, tag.args.filter(({ key }) => key === "on").map(removed));
  return { ...valueSpan(written), text: "0" };
}

/** An argument goes with its colon. */
function removed({ from, end }) {
  return { start: from - 1, end, text: "" };
}

/** @param {Tag} tag @param {string} value @returns {Edit} a new argument, behind all others */
export function addArgument(tag, key, value) {
  return { start: tag.end - 1, end: tag.end - 1, text: `:${key}=${writeValue(value)}` };
}

/**
 * One block's weight: the last pair that names a block decides.
 * @param {string} text @param {Tag} tag @param {string} block @returns {Edit}
 */
export function setBlock(text, tag, block, weight) {
  const pair = `${block}@${formatNumber(weight)}`;
  const written = named(tag, "lbw");
  if (!written) return addArgument(tag, "lbw", `${pair};REST@1`);
  const others = written.value.split(";").filter((one) => !one.trim().startsWith(`${block}@`));
  const rest = others.length && others.every((one) => /^\s*REST\s*@/i.test(one));
  return setArgument(written, (rest ? [pair, ...others] : [...others, pair]).join(";"));
}

/** The blocks that pictures are drawn without, one each, all with one seed. @returns {Edit} */
export function setLeftOut(text, tag, blocks) {
  const [without, seed] = [named(tag, "without"), named(tag, "seed")];
  if (without && seed) return setArgument(without, blocks);
  if (without) return join(text, [setArgument(without, blocks), addArgument(tag, "seed", "same")]);
  const put = `:without=${blocks}${seed ? "" : ":seed=same"}`;
  return { start: tag.end - 1, end: tag.end - 1, text: put };
}

/** @returns {Edit} the value alone, without the blanks around it */
export function setArgument(argument, value) {
  const text = argument.key === null ? writeName(value) : writeValue(value);
  return { ...valueSpan(argument), text };
}

/**
 * Takes one argument out. Behind one without a name, others are counted: they are given names.
 * @param {string} text @param {Tag} tag @param {number} at which of its arguments
 * @param {(string | null)[]} means under which name the program understood each; null: under none
 */
export function removeArgument(text, tag, at, means) {
  const behind = tag.args[at].key === null ? tag.args.slice(at + 1) : [];
  const named = behind.map((argument, index) => {
    if (argument.key !== null) return null;
    const name = means[at + 1 + index];
    const value = text.slice(argument.start, argument.end);
    return { ...removed(argument), text: name ? `:${name}=${value.trim()}` : "" };
  });
  return join(text, [removed(tag.args[at]), ...named]);
}

/** Every weight of a tag times `factor`, curves point by point; one that says none is 1. */
export function scaleWeights(text, tag, factor) {
  const hires = tag.args
    .filter(({ key }) => HIRES.has(key))
    .map((one) => ({
      ...valueSpan(one),
      text: one.value.trim(),
      value: asNumber(one.value),
      lead: "",
    }));
  return join(
    text,
    [...weights(tag), ...hires]
      .map((weight) => scaled(weight, factor))
      .filter((edit) => edit !== null),
  );
}

function scaled(weight, factor) {
  if (weight.value !== null) return setWeight(weight, weight.value * factor);
  if (!/[@~]/.test(weight.text)) return null; // nobody knows what it is
  const text = weight.text.replace(POINT, (point, lead, number) =>
    asNumber(number) === null ? point : lead + formatNumber(Number(number) * factor),
  );
  return { start: weight.start, end: weight.end, text };
}

/** Quotation marks where a named value has characters that the language uses. */
function writeValue(value) {
  const text = value.trim();
  return /[:<>"\\]|^$/.test(text) ? `"${text.replace(/["\\]/g, "\\$&")}"` : text;
}

/**
 * Takes a tag out, with what a click put in beside it: one blank, and the words where they stand
 * right before it.
 * @param {string} text @param {Tag} tag @param {string} [words] @returns {Edit}
 */
export function remove(text, tag, words = "") {
  const start = withoutWords(text, withoutBlank(text, tag), words);
  return { start, end: tag.end, text: "" };
}

function withoutBlank(text, { start, end }) {
  const atWordEnd = end === text.length || /[\s,]/.test(text[end]);
  return atWordEnd && text[start - 1] === " " ? start - 1 : start;
}

function withoutWords(text, start, words) {
  if (!words || !text.slice(0, start).endsWith(words)) return start;
  const before = start - words.length;
  if (text.slice(0, before).endsWith(", ")) return before - 2;
  return before === 0 ? 0 : start;
}

/**
 * Puts a tag at the end of the prompt, after its words.
 * @param {string} text @param {string} tag @param {string} [words] @returns {Edit}
 */
export function append(text, tag, words = "") {
  const lead = words ? separator(text, ", ") + words + " " : separator(text, " ");
  return { start: text.length, end: text.length, text: lead + tag };
}

function separator(text, between) {
  if (text === "" || /\s$/.test(text)) return "";
  return text.endsWith(",") ? " " : between;
}

/**
 * Several edits as one, so that they are one step of undo. They must not overlap.
 * @param {string} text @param {Edit[]} edits @returns {Edit}
 */
export function join(text, edits) {
  const sorted = edits.filter(Boolean).sort((a, b) => a.start - b.start);
  if (sorted.length === 0) return { start: 0, end: 0, text: "" };
  const start = sorted[0].start;
  let joined = "";
  let at = start;
  for (const edit of sorted) {
    joined += text.slice(at, edit.start) + edit.text;
    at = Math.max(at, edit.end);
  }
  return { start, end: at, text: joined };
}

/**
 * Takes tags out and puts another one in, as one step of undo.
 * @param {string} text @param {Edit[]} removals @param {string} tag @param {string} [words]
 */
export function replaceWith(text, removals, tag, words = "") {
  const gone = join(text, removals);
  const left = applyEdit(text, gone);
  const start = removals.length ? gone.start : text.length;
  return { start, end: text.length, text: applyEdit(left, append(left, tag, words)).slice(start) };
}

/** The text after an edit. */
export function applyEdit(text, { start, end, text: put }) {
  return text.slice(0, start) + put + text.slice(end);
}
