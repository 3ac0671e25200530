/**
 * What a webui shows under a picture, in its own paragraph of comments: our lines are put apart,
 * what was lost first and in colour, what ran folded. Other lines stay as they are.
 */

import { h } from "./dom.mjs";
import { t } from "./language.mjs";

const OURS = /^Live LoRA(?:, (left out|ran|measured))?: (.*)$/s;

/** @param {string[]} lines @returns what was lost, what there is to know, what ran, and the rest */
export function sorted(lines) {
  const found = { lost: [], told: [], ran: [], measured: [], others: [] };
  const { lost, told, ran, measured } = found;
  const kinds = { "left out": lost, ran, measured, undefined: told };
  for (const line of lines.map((one) => one.trim())) {
    const ours = OURS.exec(line);
    if (ours) kinds[ours[1]].push(ours[2]);
    else if (line) found.others.push(line);
  }
  return found;
}

/** Every paragraph that has lines of ours, once. */
export function arrange(root = document) {
  for (const paragraph of root.querySelectorAll("p.comments:not(:has(.live-lora))")) {
    const { others, ...ours } = sorted(paragraph.textContent.split("\n"));
    if (Object.values(ours).some((lines) => lines.length))
      paragraph.replaceChildren(...others.flatMap((line) => [line, h("br")]), block(ours));
  }
}

function block({ lost, told, ran, measured }) {
  return h(
    "div",
    { class: "live-lora live-lora-results" },
    lost.length > 0 && section(t("result.lost"), lost, "live-lora-lost"),
    told.length > 0 && section(t("result.told"), told, "live-lora-told"),
    ran.length > 0 && folded(ran),
    ...measured.map((name) => h("div", { class: "live-lora-measured", "data-measured": name })),
  );
}

function section(heading, lines, kind) {
  const paragraphs = lines.map((line) => h("p", {}, line));
  return h("section", { class: kind }, h("h4", {}, heading), ...paragraphs);
}

/** One line that names the LoRAs; their counts behind it. */
function folded(lines) {
  const names = [...new Set(lines.map((line) => line.replace(/: (?:added to|not added).*$/s, "")))];
  const paragraphs = lines.map((line) => h("p", {}, line));
  return h("details", {}, h("summary", {}, t("result.ran", { names: names.join(", ") })), ...paragraphs);
}
