/** Above which level of a site pictures are blurred: a choice that is kept in this browser. */

import { choice, offerOptions } from "./controls.mjs";
import { h } from "./dom.mjs";
import { t } from "./language.mjs";
import { LEVELS, remembered } from "./settings.mjs";

/** @param {() => void} changed called when pictures have to be drawn anew */
export function veilChoice(changed) {
  const levels = choice(t("veil.name"), () => {
    remembered.keep("nsfw", levels.value);
    changed();
  });
  const named = LEVELS.filter(Boolean).map((level) => [level, level]);
  named.at(-1)[1] = t("veil.none"); // there is nothing above the highest
  offerOptions(levels, named);
  levels.value = remembered("nsfw", "R");
  return h("label", { class: "live-lora-entry" }, t("veil.name"), " ", levels);
}
