/** The negative text of a LoRA: it goes into the negative prompt, and out of it, with the LoRA's tag. */

import { addsWords } from "./settings.mjs";
import { has, put, take } from "./words.mjs";

/**
 * @param {import("./targets.mjs").Targets} targets
 * @param {import("./prompt_box.mjs").PromptBox} box where tags are put in and taken out
 * @param {import("./query.mjs").Row[]} out files whose tags went
 * @param {import("./query.mjs").Row | null} row the file whose tag came
 */
export function moveNegatives(targets, box, out, row) {
  const other = box.negative || !addsWords() ? null : targets.negativeOf(box);
  if (!other) return;
  for (const { negative } of out) {
    const edit = negative && negative !== row?.negative && take(other.text, negative);
    if (edit) other.apply(edit);
  }
  if (row?.negative && !has(other.text, row.negative)) other.apply(put(other.text, row.negative));
}
