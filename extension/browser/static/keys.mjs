/**
 * Ctrl+Enter draws in the app, as it does in the webui by its own script.
 *
 * Ctrl+Up and Ctrl+Down inside a LoRA tag change its weight, as the webui's own do; the webui's
 * would turn a curve into a number and could not be undone, so ours come first.
 */

import { setWeight } from "./edits.mjs";
import { weights } from "./tags.mjs";
import { STEP, stepped } from "./weight.mjs";

const GENERATE = "button#generate"; // the app's
const DIRECTIONS = { ArrowUp: 1, ArrowDown: -1 };

/** @param {import("./targets.mjs").Targets} targets whose prompts listen from now on */
export function listen(targets) {
  document.addEventListener("keydown", (event) => onKey(event, targets), { capture: true });
}

function onKey(event, targets) {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return generate(event);
  return weigh(event, targets);
}

function generate(event) {
  const button = document.querySelector(GENERATE);
  if (!button || event.isComposing) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (!event.repeat) button.click();
}

function weigh(event, targets) {
  const direction = DIRECTIONS[event.key];
  if (!direction || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
  const box = targets.boxes.find(({ area }) => area === event.target);
  const tag = box && tagAt(box);
  if (!tag) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const weight = nearest(weights(tag), box.area.selectionStart);
  if (weight.value !== null) box.apply(setWeight(weight, stepped(weight.value + direction * STEP)));
}

/** The tag that the caret stands in; a selection that leaves it is the webui's. */
function tagAt({ area, tags }) {
  const { selectionStart, selectionEnd } = area;
  return tags.find(({ start, end }) => start < selectionStart && selectionEnd < end);
}

/** Of te and unet, the one that the caret is closer to. */
function nearest(found, caret) {
  const away = ({ start, end }) => Math.max(start - caret, caret - end, 0);
  return found.reduce((best, weight) => (away(weight) < away(best) ? weight : best));
}
