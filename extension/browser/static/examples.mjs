/** How the example pictures of a site were made: prompts, to be put into one's own. */

import { h } from "./dom.mjs";
import { t } from "./language.mjs";

/**
 * @param {{prompt: string, negative?: string, settings?: string}[]} examples
 * @param {(prompt: string) => void} use
 */
export function examplesOf(examples, use) {
  return examples.map(({ prompt, negative, settings }, at) => {
    const number = at + 1;
    const take = h(
      "button",
      {
        type: "button",
        class: "live-lora-button",
        "aria-label": t("examples.use_name", { number }),
        onClick: () => use(prompt),
      },
      t("examples.use"),
    );
    const lines = [prompt, negative && t("sets.against", { text: negative }), settings];
    const shown = lines.filter(Boolean).map((line) => h("p", { class: "live-lora-text" }, line));
    return h("details", {}, h("summary", {}, t("examples.one", { number })), ...shown, take);
  });
}
