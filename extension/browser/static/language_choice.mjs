/** The page's language, chosen by hand; where nobody does, the program's or the browser's. */

import { choice, offerOptions } from "./controls.mjs";
import { h, say } from "./dom.mjs";
import { LANGUAGES, t } from "./language.mjs";
import { remembered } from "./settings.mjs";

const COOKIE_AGE = 31536000; // s: a year

/** A select. What is on the page already stays as it is until the page is loaded anew. */
export function languageChoice() {
  const note = h("span", { role: "status", class: "live-lora-dim" });
  const select = choice(t("language.name"), () => keep(select.value, note));
  offerOptions(select, [["", t("language.automatic")], ...Object.entries(LANGUAGES)]);
  select.value = remembered("language", "");
  const label = h("label", {}, t("language.name"), " ", select);
  return h("div", { class: "live-lora-line" }, label, note);
}

function keep(language, note) {
  remembered.keep("language", language);
  // For the parts that the program itself makes.
  document.cookie = `live-lora-language=${language};path=/;max-age=${COOKIE_AGE};samesite=lax`;
  say(note, t("language.later"));
}
