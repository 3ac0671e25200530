/** What the user says of a file: weight, words, kind, notes; written beside it when saved. */

import { h, say, set } from "./dom.mjs";
import { KINDS, kindName } from "./kinds.mjs";
import { t } from "./language.mjs";

const STARS = ["—", "★", "★★", "★★★", "★★★★", "★★★★★"].map((stars, at) => [at, stars]);
const BASES = ["SD1", "SD2", "SDXL"]; // the webui's own words

export class Editor {
  /** @param {any} found the file's details @param {(changes) => Promise<any>} save */
  constructor(found, save) {
    Object.assign(this, { found, save, fields: {} });
    this.button = h("button", { type: "submit", class: "live-lora-button", disabled: true }, t("notes.save"));
    this.state = h("span", { role: "status", class: "live-lora-count", tabIndex: -1 });
    this.element = h(
      "form",
      { class: "live-lora-editor", "aria-label": t("notes.form") },
      h("h4", {}, t("notes.heading")),
      this.field("weight", t("notes.weight"), this.number(found.weight)),
      this.field("low", t("notes.low"), this.number(found.range?.[0])),
      this.field("high", t("notes.high"), this.number(found.range?.[1])),
      this.field("step", t("notes.step"), this.number(found.step)),
      this.field("kind", t("notes.kind"), this.kinds(found.kind)),
      this.field("rating", t("notes.rating"), this.choice(STARS, found.rating || 0)),
      this.field("sd_version", t("notes.base"), this.bases(found.sd_version)),
      this.field("words", t("notes.words"), this.text(found.words)),
      this.field("negative", t("notes.negative"), this.text(found.negative)),
      this.field("notes", t("notes.notes"), this.text(found.notes, 3)),
      this.field("description", t("notes.description"), this.text(found.description)),
      h("div", { class: "live-lora-line" }, this.button, this.state),
    );
    this.element.addEventListener("input", () => set(this.button, "disabled", !this.changed));
    this.element.addEventListener("submit", (event) => this.submit(event));
  }

  field(name, label, control) {
    this.fields[name] = control;
    return h("label", { class: `live-lora-field live-lora-field-${name}` }, h("span", {}, label), control);
  }

  number(value) {
    return h("input", {
      type: "number",
      step: "any",
      class: "live-lora-number",
      value: value ?? "",
    });
  }

  text(value, rows = 2) {
    return h("textarea", { rows, class: "live-lora-area", value: value ?? "", spellcheck: "false" });
  }

  kinds(value) {
    const known = [...new Set([...Object.keys(KINDS), value ?? ""])];
    return this.choice(known.map((kind) => [kind, kindName(kind)]), value ?? "");
  }

  /** What the file's base is by the user's word; the webui writes "Unknown" for none. */
  bases(value) {
    const none = !value || value === "Unknown" ? (value ?? "") : "Unknown";
    const known = [...new Set([...BASES, value || none])].filter((one) => one !== none);
    return this.choice([[none, t("notes.base_of_file")], ...known.map((one) => [one, one])], value ?? "");
  }

  /** @param {[string | number, string][]} options */
  choice(options, value) {
    const shown = options.map(([one, text]) => h("option", { value: one }, text));
    const select = h("select", { class: "live-lora-select" }, ...shown);
    select.value = String(value);
    return select;
  }

  get changed() {
    return Object.keys(this.changes()).length > 0;
  }

  /** The fields that say something else than the file. */
  changes() {
    const { found, fields } = this;
    const changes = {};
    for (const name of ["words", "negative", "notes", "description", "kind", "sd_version"])
      if (fields[name].value !== (found[name] ?? "")) changes[name] = fields[name].value;
    for (const name of ["weight", "step"])
      if (numberOf(fields[name]) !== (found[name] ?? null)) changes[name] = numberOf(fields[name]);
    const rating = Number(fields.rating.value);
    if (rating !== (found.rating || 0)) changes.rating = rating;
    const ends = [numberOf(fields.low), numberOf(fields.high)];
    const range = ends.includes(null) ? null : ends;
    if (String(range) !== String(found.range ?? null)) changes.range = range;
    return changes;
  }

  async submit(event) {
    event.preventDefault();
    this.state.focus({ preventScroll: true }); // a disabled button would lose it to the page
    set(this.button, "disabled", true);
    say(this.state, t("notes.saving"));
    const found = await this.save(this.changes());
    say(this.state, found ? t("notes.saved") : t("notes.unsaved"));
    set(this.button, "disabled", Boolean(found));
  }
}

function numberOf(input) {
  return Number.isFinite(input.valueAsNumber) ? input.valueAsNumber : null;
}
