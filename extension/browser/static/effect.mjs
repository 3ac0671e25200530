/** A file's ΔW against the model's weights, block by block, and its overlap with another LoRA. */

import { json } from "./api.mjs";
import { h } from "./dom.mjs";
import { t } from "./language.mjs";

/**
 * @param {string} id of the file
 * @param {{id: string, name: string}[]} others LoRAs of the prompt, to compare with
 */
export function effectOf(id, others) {
  const choice = h(
    "select",
    { class: "live-lora-select", "aria-label": t("effect.with") },
    h("option", { value: "" }, t("effect.alone")),
    ...others.filter((one) => one.id !== id).map((one) => h("option", { value: one.id }, one.name)),
  );
  const place = h("div", { role: "status" });
  const show = async () => {
    place.replaceChildren(h("p", {}, t("details.loading")));
    const query = new URLSearchParams({ other: choice.value });
    const shown = await json(`file/${encodeURIComponent(id)}/effect?${query}`).then(table, (error) =>
      h("p", {}, error.message),
    );
    place.replaceChildren(shown);
  };
  const button = h("button", { type: "button", class: "live-lora-button", onClick: show }, t("effect.compare"));
  return h("div", {}, h("div", { class: "live-lora-line" }, choice, button), place);
}

/** ratio and overlap by block. */
function table({ files, blocks, ratio, whole, overlap }) {
  const [name] = files;
  const most = Math.max(...ratio[name].map((value) => value ?? 0));
  const head = [t("measured.block"), "‖ΔW‖ / ‖W‖", overlap && t("effect.overlap")].filter(Boolean);
  const rows = blocks.map((block, at) =>
    line(block, ratio[name][at], overlap && overlap.blocks[at], most),
  );
  const all = line(t("effect.all"), whole[name], overlap && overlap.whole, 0);
  return h(
    "table",
    { class: "live-lora-effect" },
    h("thead", {}, h("tr", {}, ...head.map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, all, ...rows),
  );
}

function line(block, value, overlap, most) {
  const share = most && value ? value / most : 0;
  const cells = [h("td", { style: `--strength: ${share.toFixed(3)}` }, number(value))];
  if (overlap !== null) cells.push(h("td", {}, number(overlap)));
  return h("tr", {}, h("th", { scope: "row" }, block), ...cells);
}

function number(value) {
  return value === null || value === undefined ? "–" : value.toFixed(3);
}
