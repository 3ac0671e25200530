/** What the user says of a file: weight, words, kind, notes; written beside it when saved. */

import { h, say, set } from "./dom.mjs";
import { KINDS, kindName } from "./kinds.mjs";
import { t } from "./language.mjs";

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
      this.field("words", t("notes.words"), this.text(found.words)),
      this.field("negative", t("notes.negative"), this.text(found.negative)),
      this.field("notes", t("notes.notes"), this.text(found.notes, 3)),
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
    const known = Object.hasOwn(KINDS, value ?? "") ? Object.keys(KINDS) : [...Object.keys(KINDS), value];
    const options = known.map((kind) => h("option", { value: kind }, kindName(kind)));
    const select = h("select", { class: "live-lora-select" }, ...options);
    select.value = value ?? "";
    return select;
  }

  get changed() {
    return Object.keys(this.changes()).length > 0;
  }

  /** The fields that say something else than the file. */
  changes() {
    const { found, fields } = this;
    const changes = {};
    for (const name of ["words", "negative", "notes", "kind"])
      if (fields[name].value !== (found[name] ?? "")) changes[name] = fields[name].value;
    for (const name of ["weight", "step"])
      if (numberOf(fields[name]) !== (found[name] ?? null)) changes[name] = numberOf(fields[name]);
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
