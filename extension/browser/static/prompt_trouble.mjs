/** What is wrong with a tag as it is written, by the program's own reading, with its fixes. */

import { inOrder, readCurve } from "./curve.mjs";
import { formatNumber } from "./edits.mjs";
import { t } from "./language.mjs";
import { shifted } from "./reading.mjs";
import { isStrength, weightOf, weights } from "./tags.mjs";

/** Matters of course, said once in the row. */
const NOTES = new Set(["constant-in-text-encoder"]);

/**
 * Until the program has said something, what the page sees itself.
 * @param {import("./tags.mjs").Tag} tag
 * @param {import("./reading.mjs").TagReading} reading
 * @param {string} text the prompt
 * @returns items of `Trouble`
 */
export function promptTrouble(tag, { problems }, text) {
  const bad = problems.length ? null : unreadable(tag);
  if (bad) return [{ text: t("trouble.weight", { text: bad.text }), kind: "error" }];
  const items = problems.map((one) => told(one, one.fix && shifted(one.fix, tag.start), text));
  const [first] = curveForBoth(tag) ?? [];
  const said = items.some(({ kind }) => kind === "note");
  return first && !said ? [...items, constantInText(formatNumber(first.value))] : items;
}

/** The points of a curve that is the weight of text encoder and UNet alike. */
function curveForBoth(tag) {
  const both = weightOf(tag, "weight");
  const points = both?.value === null ? readCurve(both.text) : null;
  return points && inOrder(points, 2);
}

/** A weight that is neither a number nor a curve (`0@0,1@0.5`). */
function unreadable(tag) {
  return weights(tag).find(({ text, lead }) => !lead && !isStrength(text));
}

/**
 * A problem of the program's as an item.
 * @param {import("./reading.mjs").Problem} problem
 * @param {import("./edits.mjs").Edit | null} fix counted from the beginning of the prompt
 * @param {string} text the prompt
 */
export function told({ message, severity, code, stale = false }, fix, text) {
  const choices = fix ? [{ label: fixWords(fix, text), edit: fix, disabled: stale }] : [];
  return { text: sentence(message, fix), kind: NOTES.has(code) ? "note" : severity, choices };
}

/** That a curve for both parts is one number in the text encoder. */
function constantInText(value) {
  return { text: t("trouble.constant", { value }), kind: "note" };
}

/** The button's words say what to write: the sentence need not. */
function sentence(message, fix) {
  const said = fix
    ? message.replace(/; (?:write .*? instead|did you mean .*?\?)(?=;|$)/s, "")
    : message;
  return said.charAt(0).toUpperCase() + said.slice(1) + (/[.?!]$/.test(said) ? "" : ".");
}

function fixWords({ start, end, text: put }, text) {
  if (put === "") return t("trouble.take_out", { text: text.slice(start, end).replace(/^:/, "") });
  const [before] = /[^:\s]*$/.exec(text.slice(0, start));
  if (start === end) return t("trouble.put_after", { text: put, before });
  return t("trouble.write", { text: put });
}
