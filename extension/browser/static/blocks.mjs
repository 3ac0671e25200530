/**
 * Block weights as the editor has them, written as `lbw=` takes them. What a text means is read by
 * the program (prompt/description.py); tests/cases/blocks.json holds it to what is written here.
 *
 * @typedef {{weights: Record<string, number>, elements: Record<string, number>}} BlockWeights
 */

import { formatNumber } from "./edits.mjs";

/**
 * @param {BlockWeights} state
 * @param {string[]} blocks those of the model, in order, BASE first: all others follow the rest
 * @param {Record<string, Record<string, number> | null>} presets
 * @returns {string} "" where everything is 1
 */
export function writeBlocks({ weights, elements }, blocks, presets) {
  const rules = Object.entries(elements).map(([name, weight]) => pair(name, weight));
  const everywhere = blocks.every((block) => weights[block] === 1);
  if (everywhere) return rules.join(";");
  const named = presetOf(weights, blocks, presets);
  return [...(named ? [named] : pairs(weights, blocks)), ...rules].join(";");
}

/** The preset that says the same of all the model's blocks. */
export function presetOf(weights, blocks, presets) {
  const found = Object.entries(presets).find(
    ([, listed]) => listed && blocks.every((block) => listed[block] === weights[block]),
  );
  return found?.[0];
}

/** Blocks that differ from the rest, in ranges; then the text encoders, then the rest. */
function pairs(weights, [base, ...unet]) {
  const rest = commonest(unet.map((block) => weights[block]));
  const found = ranges(unet, weights)
    .filter(({ weight }) => weight !== rest)
    .map(({ first, last, weight }) => pair(first === last ? first : `${first}-${last}`, weight));
  const sayRest = rest !== 0 || found.length === 0;
  if (weights[base] !== (sayRest ? rest : 1)) found.push(pair(base, weights[base]));
  return sayRest ? [...found, pair("REST", rest)] : found;
}

function pair(name, weight) {
  return `${name}@${formatNumber(weight)}`;
}

/** Of weights that are equally common, 0 is the rest. */
function commonest(values) {
  const counted = new Map([[0, 0.5]]);
  for (const value of values) counted.set(value, (counted.get(value) ?? 0) + 1);
  return [...counted].reduce((best, one) => (one[1] > best[1] ? one : best))[0];
}

/** Neighbours of one weight together, but not over the middle of the model. */
function ranges(blocks, weights) {
  const found = [];
  for (const block of blocks) {
    const weight = weights[block];
    const open = found.at(-1);
    if (open?.weight === weight && side(open.last) === side(block)) open.last = block;
    else found.push({ first: block, last: block, weight });
  }
  return found;
}

function side(block) {
  return block.replace(/\d+$/, "");
}
