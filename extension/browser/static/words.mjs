/** Trigger words in a prompt, as edits of its text: pure. A group of words goes in and out whole. */

/** @typedef {import("./edits.mjs").Edit} Edit */

/** Where a group stands, not as a part of other words; -1 where it does not. */
function placeOf(text, group) {
  for (let at = text.indexOf(group); group && at >= 0; at = text.indexOf(group, at + 1)) {
    const before = text[at - 1] ?? ",";
    const after = text[at + group.length] ?? ",";
    if (/[\s,.(<>]/.test(before) && /[\s,.):<>]/.test(after)) return at;
  }
  return -1;
}

/** Whether the prompt says these words. */
export function has(text, group) {
  return placeOf(text, group) >= 0;
}

/** @returns {Edit} the group at the prompt's end, behind a comma where there is something before */
export function put(text, group) {
  const lead = text.trim() === "" || /[,\s]$/.test(text) ? "" : ", ";
  const blank = text.endsWith(",") ? " " : lead;
  return { start: text.length, end: text.length, text: blank + group };
}

/** @returns {Edit | null} without the group and the comma that belongs to it */
export function take(text, group) {
  const at = placeOf(text, group);
  if (at < 0) return null;
  const end = at + group.length;
  const before = /(?:,\s*)?$/.exec(text.slice(0, at))[0].length;
  if (before > 0) return { start: at - before, end, text: "" };
  return { start: at, end: end + /^(?:\s*,)?\s*/.exec(text.slice(end))[0].length, text: "" };
}

/** The groups of a file: what the user wrote, then what sites say; each once. */
export function groupsOf({ words, triggers }) {
  return [...new Set([words, ...triggers].map((group) => group.trim()).filter(Boolean))];
}

/**
 * Some of the training's tags, frequent ones more likely: what a picture of the training data may
 * have been described with.
 * @param {[string, number][]} tags @param {() => number} random from 0 to 1
 */
export function randomTags(tags, random = Math.random) {
  const most = Math.max(1, ...tags.map(([, count]) => count));
  return tags.filter(([, count]) => random() < count / most).map(([tag]) => tag);
}
