/** What the small editors offer for each argument: pure data, its words as keys of `t`. */

/**
 * @typedef {{add?: string, initial?: string, help: string, share?: boolean, whole?: boolean,
 *   weight?: boolean, choices?: [string, string][]}} Field
 *   `add` is its line in the menu of what a tag can be given, with `initial` as its value
 */

const PLACE = "help.place";
const WEIGHT = "help.weight";

/** @type {Record<string, Field>} */
export const FIELDS = {
  unet: { add: "add.unet", initial: "0@0;1@0.5", help: WEIGHT },
  lbw: { add: "add.lbw", initial: "REST@1", help: "help.lbw" },
  start: { add: "add.start", initial: "0.2", help: PLACE, share: true },
  stop: { add: "add.stop", initial: "0.8", help: PLACE, share: true },
  hr: { add: "add.hr", initial: "0.5", help: WEIGHT, weight: true },
  hrte: { help: WEIGHT, weight: true },
  hrunet: { help: WEIGHT, weight: true },
  only: {
    add: "add.only",
    initial: "cond",
    help: "help.only",
    choices: [
      ["cond", "only.cond"],
      ["uncond", "only.uncond"],
      ["part", "only.part"],
    ],
  },
  mask: { add: "add.mask", initial: "left", help: "help.mask" },
  soft: { help: "help.soft" },
  in: { help: WEIGHT, weight: true },
  mid: { help: WEIGHT, weight: true },
  out: { help: WEIGHT, weight: true },
  cap: { add: "add.cap", initial: "0.5", help: "help.cap" },
  capped: { help: "help.capped" },
  hrcapped: { help: "help.capped" },
  sweep: {
    add: "add.sweep",
    initial: "0;0.5;1",
    help: "help.sweep",
  },
  without: { help: "help.without" },
  seed: { help: "help.seed", choices: [["same", "seed.same"]] },
  dyn: { add: "add.dyn", initial: "8", help: "help.dyn", whole: true },
  step: { help: "help.step" },
  hash: { help: "help.hash" },
  lbwe: { help: "help.lbwe" },
  x: { help: "help.x", weight: true },
};

/** What a tag can be given that it has not: [name, label]. @param {Set<string>} has */
export function additions(has) {
  return Object.entries(FIELDS)
    .filter(([name, { add }]) => add && !has.has(name))
    .map(([name, { add }]) => [name, add]);
}
