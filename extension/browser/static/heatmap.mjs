/**
 * How strongly each LoRA acted, under a picture: blocks × steps. A block's name sets its weight in
 * the tag; another button draws the picture without each block.
 *
 * @typedef {{networks: string[], blocks: string[], moments: {hires: boolean, step: number}[],
 *   ratio: Record<string, (number | null)[][]>, share: Record<string, (number | null)[]>}} Facts
 *   one pass of one picture
 */

import { json } from "./api.mjs";
import { h } from "./dom.mjs";
import { formatNumber, setBlock, setLeftOut } from "./edits.mjs";
import { t } from "./language.mjs";

const SHOWN = new WeakSet();
const DIGITS = 3;
const EVERY = 5; // steps of which one has its number above the map
const SETTLES = 300; // ms in which gradio hears of an edit

/** Every place of the page that names what was measured, once. */
export function showMaps(targets, root = document) {
  for (const place of root.querySelectorAll(".live-lora-measured[data-measured]")) {
    if (SHOWN.has(place)) continue;
    SHOWN.add(place);
    json(`measured/${encodeURIComponent(place.dataset.measured)}`).then(
      ({ pictures }) => place.replaceChildren(view(pictures, targets)),
      (error) => place.replaceChildren(h("p", {}, error.message)),
    );
  }
}

/** @param {Facts[][]} pictures of each its passes */
export function view(pictures, targets) {
  const maps = h("div", {});
  const show = (picture) => maps.replaceChildren(...mapsOf(pictures[picture], targets));
  const names = pictures.map((_, at) => t("measured.picture", { number: at + 1 }));
  const choice = h(
    "select",
    {
      class: "live-lora-select",
      "aria-label": t("measured.which"),
      onChange: () => show(Number(choice.value)),
    },
    ...names.map((name, value) => h("option", { value: String(value) }, name)),
  );
  show(0);
  return h(
    "details",
    { class: "live-lora live-lora-maps" },
    h("summary", {}, t("measured.title")),
    h("p", { class: "live-lora-help" }, t("measured.note")),
    pictures.length > 1 && choice,
    maps,
  );
}

function mapsOf(passes, targets) {
  const every = passes.flatMap((facts) => facts.networks.map((name) => ({ facts, name })));
  const values = every.flatMap(({ facts, name }) => facts.ratio[name].flat());
  const most = Math.max(0, ...values);
  if (every.length === 0) return [h("p", {}, t("measured.nothing"))];
  return every.map(({ facts, name }) => map(facts, name, most, targets));
}

/** One LoRA's table; darker (on a dark page, lighter) is stronger. @param {Facts} facts */
function map(facts, name, most, targets) {
  const hires = facts.moments[0]?.hires;
  const title = hires ? t("measured.hires", { name }) : name;
  const steps = facts.moments.map(({ step }) => step + 1);
  const head = steps.map((step) => h("th", { scope: "col" }, step % EVERY && step > 1 ? hidden(step) : step));
  const lines = facts.blocks.map((block, at) =>
    line(block, facts.share[name][at], facts.ratio[name][at], most, steps, () => tagsOf(targets, name)),
  );
  const table = h(
    "table",
    { class: "live-lora-map", style: `--steps: ${steps.length}` },
    h("caption", {}, t("measured.caption", { name: title, most: number(most) })),
    h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "live-lora-map-blocks" }, t("measured.block")), h("th", { scope: "col", class: "live-lora-map-share" }, t("measured.share")), ...head)),
    h("tbody", {}, ...lines),
  );
  const leave = h(
    "button",
    {
      type: "button",
      class: "live-lora-button",
      onClick: () => leaveOut(targets, name, facts.blocks),
    },
    t("measured.leave_out", { name }),
  );
  const frame = { class: "live-lora-map-frame", tabIndex: 0, role: "region", "aria-label": title };
  return h("div", {}, h("div", frame, table), leave);
}

function line(block, share, values, most, steps, find) {
  const row = h("tr", {});
  const onClick = () => editor(row, block, find, button);
  const label = t("measured.set", { block });
  const props = { type: "button", class: "live-lora-quiet", title: label, "aria-label": label, onClick };
  const button = h("button", props, block);
  const settable = block !== "other";
  row.append(
    h("th", { scope: "row" }, settable ? button : block),
    h("td", { class: "live-lora-map-share" }, share === null ? "–" : `${Number((100 * share).toPrecision(2))} %`),
    ...values.map((value, at) => cell(value, most, t("measured.cell", { block, step: steps[at] }))),
  );
  return row;
}

function cell(value, most, where) {
  if (value === null) return h("td", { class: "live-lora-empty" }, hidden("–"));
  const share = most ? value / most : 0;
  const text = number(value);
  return h("td", { style: `--strength: ${share.toFixed(3)}`, title: `${where}: ${text}` }, hidden(text));
}

function hidden(text) {
  return h("span", { class: "live-lora-hidden" }, text);
}

function number(value) {
  return String(Number(value.toPrecision(DIGITS)));
}

/** A line under the block's, with its weight; the same button closes it. */
function editor(row, block, find, button) {
  const open = row.nextElementSibling;
  if (open?.classList.contains("live-lora-map-edit")) {
    open.remove();
    return;
  }
  const found = find();
  const set = () => {
    if (!Number.isFinite(input.valueAsNumber)) return;
    for (const { box, tag } of find()) box.apply(setBlock(box.text, tag, block, input.valueAsNumber));
  };
  const input = h("input", { type: "number", step: "0.05", value: "1", "aria-label": t("measured.weight", { block }), onChange: set });
  const onKeydown = (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    line.remove();
    button.focus();
  };
  const inside = found.length ? [t("measured.weight", { block }), " ", input] : [t("measured.no_tag")];
  const line = h(
    "tr",
    { class: "live-lora-map-edit", onKeydown },
    h("td", { colspan: String(row.children.length) }, ...inside),
  );
  row.after(line);
  if (found.length) input.focus();
}

/** The tags of this LoRA in prompts that somebody sees. */
function tagsOf(targets, name) {
  const plain = name.replace(/ \(\d+\)$/, "");
  const last = plain.split("/").at(-1);
  return targets.boxes
    .filter((box) => box.visible && !box.negative)
    .flatMap((box) => box.tags.map((tag) => ({ box, tag })))
    .filter(({ tag }) => [plain, last].includes(tag.name))
    .slice(0, 1);
}

/** The pictures side by side: the whole one, then one without each block. */
function leaveOut(targets, name, blocks) {
  const [found] = tagsOf(targets, name);
  if (!found) return;
  const listed = ["none", ...blocks.filter((block) => block !== "other")];
  const { box, tag } = found;
  box.apply(setLeftOut(box.text, tag, listed.join(";")));
  const tab = /^(txt2img|img2img)/.exec(box.area.closest("[id]")?.id ?? "")?.[1];
  if (tab) for (const input of counts(tab)) write(input, listed.length);
  const button = document.querySelector(tab ? `#${tab}_generate` : "#generate");
  setTimeout(() => button?.click(), SETTLES);
}

function counts(tab) {
  return document.querySelectorAll(`#${tab}_batch_count input`);
}

function write(input, value) {
  input.value = formatNumber(value);
  input.dispatchEvent(new Event("input", { bubbles: true }));
  input.dispatchEvent(new Event("change", { bubbles: true }));
}
