/** What the small editors offer for each argument: pure data. */

/**
 * @typedef {{add?: string, initial?: string, help: string, share?: boolean, whole?: boolean,
 *   weight?: boolean, choices?: [string, string][]}} Field
 *   `add` is its line in the menu of what a tag can be given, with `initial` as its value
 */

const PLACE = "A share of the pass (0.4), a step (8) or a noise level (s7.5)";
const WEIGHT = "A number, or a curve such as 0@0;1@0.5";

/** @type {Record<string, Field>} */
export const FIELDS = {
  unet: { add: "Curve over the steps", initial: "0@0;1@0.5", help: WEIGHT },
  lbw: { add: "Block weights", initial: "REST@1", help: "A preset, or pairs such as OUT03@1" },
  start: { add: "Start later", initial: "0.2", help: PLACE, share: true },
  stop: { add: "Stop earlier", initial: "0.8", help: PLACE, share: true },
  hr: { add: "Weight in the hires pass", initial: "0.5", help: WEIGHT, weight: true },
  hrte: { help: WEIGHT, weight: true },
  hrunet: { help: WEIGHT, weight: true },
  only: {
    add: "One side only",
    initial: "cond",
    help: "Where it acts",
    choices: [
      ["cond", "the positive side"],
      ["uncond", "the negative side"],
      ["part", "its AND part"],
    ],
  },
  sweep: {
    add: "A weight for each picture",
    initial: "0;0.5;1",
    help: "Weights with semicolons between them, one for each picture in turn",
  },
  seed: { help: "The seeds of a sweep", choices: [["same", "one seed for all pictures"]] },
  dyn: { add: "First ranks only", initial: "8", help: "How many ranks of the LoRA", whole: true },
  step: { help: "A range of steps such as 5-12" },
  hash: { help: "At least 8 digits of the file's hash" },
  lbwe: { help: "Pairs such as attn@0.5, or a preset of elements" },
  x: { help: "The X of a preset", weight: true },
};

/** What a tag can be given that it has not: [name, label]. @param {Set<string>} has */
export function additions(has) {
  return Object.entries(FIELDS)
    .filter(([name, { add }]) => add && !has.has(name))
    .map(([name, { add }]) => [name, add]);
}
