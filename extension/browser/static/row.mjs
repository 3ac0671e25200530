/** One active LoRA under a prompt: on or off, its weights and arguments, and what is wrong. */

import { Chips, chipsOf } from "./chips.mjs";
import { h, say, set } from "./dom.mjs";
import {
  addArgument,
  formatNumber,
  remove,
  removeArgument,
  setArgument,
  setOn,
  setWeight,
} from "./edits.mjs";
import { FIELDS } from "./fields.mjs";
import { fileTrouble } from "./file_trouble.mjs";
import { t } from "./language.mjs";
import { picture } from "./picture.mjs";
import { promptTrouble } from "./prompt_trouble.mjs";
import { RowEditor } from "./row_editor.mjs";
import { RowWeights } from "./row_weights.mjs";
import { isVeiled } from "./settings.mjs";
import { isOn, weightOf, weights } from "./tags.mjs";
import { Trouble } from "./trouble.mjs";

const ADD = "add";
const ROLES = { weight: "row.curve", te: "row.curve_te", unet: "row.curve_unet" };

export class ActiveRow {
  /**
   * @param {import("./prompt_box.mjs").PromptBox} box
   * @param {import("./library.mjs").Library} library
   * @param {number} ordinal which of the prompt's tags: duplicates have a row each
   * @param {import("./reading.mjs").Readings} readings what the program says of the tags
   * @param {(tag: import("./tags.mjs").Tag) => void} [find] what a click on the name does where the
   *   prompt is out of sight
   */
  constructor(box, library, ordinal, readings, find) {
    Object.assign(this, { box, library, ordinal, readings, find, opened: null });
    this.build();
  }

  build() {
    this.switch = h("input", {
      type: "checkbox",
      role: "switch",
      class: "live-lora-switch",
      onChange: () => this.edit(setOn(this.box.text, this.tag, this.switch.checked)),
    });
    this.picture = h("span", { class: "live-lora-thumb" });
    this.name = button("live-lora-name", "", () => this.select());
    this.weights = new RowWeights(
      (role, value) => this.weigh(role, value),
      (role) => this.open(role),
    );
    this.add = button("live-lora-icon", "+", () => this.open(ADD));
    this.out = button("live-lora-icon", "✕", () => this.remove());
    this.chips = new Chips((key) => this.open(key));
    this.trouble = new Trouble(
      (edit) => this.edit(edit),
      () => this.switch.focus({ preventScroll: true }),
    );
    this.editor = new RowEditor({
      write: (value) => this.write(value),
      remove: () => this.removeOpened(),
      add: (name) => this.addNew(name),
      close: () => this.close(),
      base: () => this.library.model?.base ?? this.file?.base ?? "",
    });
    const line = [this.switch, this.picture, this.name, this.weights.element, this.add, this.out];
    this.acted = h("span", { class: "live-lora-acted", hidden: true });
    const below = [this.chips.element, this.acted, this.trouble.element, this.editor.element];
    this.element = h("div", { role: "listitem", class: "live-lora-row" }, ...line, ...below);
  }

  get tag() {
    return this.box.tags[this.ordinal];
  }

  /** From which step of the drawing on its weight acts. */
  showActed(text) {
    say(this.acted, text);
    this.acted.hidden = !text;
  }

  get reading() {
    return this.readings.of(this.box.text.slice(this.tag.start, this.tag.end));
  }

  edit(edit) {
    this.box.apply(edit);
  }

  remove() {
    this.edit(remove(this.box.text, this.tag, this.library.wordsOf(this.tag)));
  }

  /** Shows the tag in its prompt. */
  select() {
    if (!this.box.visible) return this.find?.(this.tag);
    this.box.area.focus();
    return this.box.area.setSelectionRange(this.tag.start, this.tag.end);
  }

  /** Found again when it is written: the text may have changed since the slider was touched. */
  weigh(role, value) {
    const weight = weightOf(this.tag, role);
    if (weight) this.edit(setWeight(weight, value));
  }

  /** Idempotent: shows what the text says, and never writes. */
  render() {
    const { tag } = this;
    this.switch.checked = isOn(tag);
    set(this.element, "data-off", !isOn(tag));
    say(this.name, tag.name || t("row.no_name"));
    this.label(tag.name);
    this.renderArguments(tag);
    this.renderFile(this.library.find(tag));
  }

  label(name) {
    set(this.switch, "aria-label", t("row.on", { name }));
    set(this.add, "aria-label", t("row.add", { name }));
    set(this.add, "title", t("row.add_hint", { name }));
    set(this.out, "aria-label", t("row.remove", { name }));
    set(this.out, "title", t("row.remove", { name }));
    set(this.name, "title", this.find ? t("row.show_card", { name }) : t("row.select", { name }));
  }

  /** Weights, chips and the open editor; one whose argument is gone, or is another tag's, closes. */
  renderArguments(tag) {
    const chips = chipsOf(tag, this.reading, this.box.text);
    if (this.openedOn !== tag.name) this.opened = null;
    const edited = this.opened === null ? null : this.edited(tag, chips);
    if (edited === null) this.opened = null;
    const { id } = this.editor;
    this.weights.render(tag, this.opened, id, this.library.find(tag).row);
    this.chips.render(chips, this.opened, id);
    set(this.add, "aria-expanded", String(this.opened === ADD));
    this.editor.render(edited);
  }

  /** What the editor shows. @returns {import("./row_editor.mjs").Edited | null} */
  edited(tag, chips) {
    const key = this.opened;
    if (key === ADD) {
      const has = new Set(tag.args.map((one) => one.key).concat(chips.map(({ name }) => name)));
      return { key, name: "", value: "", title: t("row.add", { name: tag.name }), read: null, has };
    }
    const weight = key in ROLES ? weightOf(tag, key) : null;
    if (weight) return this.editedCurve(tag, key, weight);
    const chip = chips.find((one) => one.key === key);
    if (!chip) return null;
    const { name, argument, read } = chip;
    const add = FIELDS[name]?.add;
    const title = t("row.argument", { argument: add ? t(add) : name, name: tag.name });
    return { key, name, value: argument.value, title, read, removable: true };
  }

  editedCurve(tag, role, { value, text }) {
    if (value !== null) return null;
    const title = t(ROLES[role], { name: tag.name });
    return { key: role, name: role, value: text, title, read: null, removable: false };
  }

  open(key) {
    if (this.opened === key) return this.close();
    this.opened = key;
    this.openedOn = this.tag.name;
    return this.render();
  }

  close() {
    const key = this.opened;
    const inside = this.editor.element.contains(document.activeElement);
    this.opened = null;
    this.render();
    if (!inside) return;
    if (key === ADD) this.add.focus();
    else if (key in ROLES) this.weights.focus(key);
    else this.chips.focus(key);
  }

  /** The value of the argument that is open. */
  write(value) {
    const { opened, tag } = this;
    const weight = opened in ROLES ? weightOf(tag, opened) : null;
    if (weight) return this.edit({ start: weight.start, end: weight.end, text: value });
    const chip = this.chip();
    return chip && this.edit(setArgument(chip.argument, value));
  }

  chip() {
    return chipsOf(this.tag, this.reading, this.box.text).find(({ key }) => key === this.opened);
  }

  removeOpened() {
    const chip = this.chip();
    if (!chip) return;
    const means = this.reading.arguments?.map((one) => one.means) ?? [];
    this.close();
    this.edit(removeArgument(this.box.text, this.tag, chip.at, means));
    this.add.focus({ preventScroll: true });
  }

  /** A curve begins as a ramp up to the weight that there is; the text encoder keeps it. */
  addNew(name) {
    const [{ value }] = weights(this.tag);
    const ramp = `0@0;${formatNumber(value ?? 1)}@0.5`;
    this.opened = name === "unet" ? name : `${name} 1`;
    this.edit(addArgument(this.tag, name, name === "unet" ? ramp : FIELDS[name].initial));
    this.editor.focus();
  }

  renderFile(found) {
    this.file = found.row;
    this.renderPicture(found.row);
    const items = [
      ...fileTrouble(this.tag, found, this.library),
      ...promptTrouble(this.tag, this.reading, this.box.text),
    ];
    set(
      this.element,
      "data-trouble",
      items.some(({ kind }) => kind !== "note"),
    );
    this.trouble.render(items);
  }

  renderPicture(row) {
    const key = `${row?.id} ${row?.preview} ${isVeiled(row?.nsfw)} ${this.tag.name}`;
    if (this.pictured === key) return;
    this.pictured = key;
    this.picture.replaceChildren(picture(row?.stem ?? this.tag.name, row));
  }
}

function button(kind, text, onClick) {
  return h("button", { type: "button", class: kind, onClick }, text);
}
