/** One active LoRA under a prompt: on or off, its weights, out, and what is wrong with its name. */

import { h, say, set } from "./dom.mjs";
import { remove, setName, setOn, setWeight } from "./edits.mjs";
import { picture } from "./picture.mjs";
import { isOn, isStrength, weightOf, weights } from "./tags.mjs";
import { WeightControl } from "./weight.mjs";

const ROLES = { weight: "", te: "te", unet: "unet" };

export class ActiveRow {
  /**
   * @param {import("./prompt_box.mjs").PromptBox} box
   * @param {import("./library.mjs").Library} library
   * @param {number} ordinal which of the prompt's tags: duplicates have a row each
   * @param {(tag: import("./tags.mjs").Tag) => void} [find] what a click on the name does where the
   *   prompt is out of sight
   */
  constructor(box, library, ordinal, find) {
    Object.assign(this, { box, library, ordinal, find, controls: [] });
    this.build();
  }

  build() {
    this.switch = h("input", {
      type: "checkbox",
      role: "switch",
      class: "live-lora-switch",
      onChange: () => this.turn(),
    });
    this.picture = h("span", { class: "live-lora-thumb" });
    this.name = h("button", {
      type: "button",
      class: "live-lora-name",
      onClick: () => this.select(),
    });
    this.weights = h("div", { class: "live-lora-weights" });
    this.out = h(
      "button",
      { type: "button", class: "live-lora-icon", onClick: () => this.remove() },
      "✕",
    );
    this.trouble = h("div", { class: "live-lora-trouble", hidden: true });
    const line = [this.switch, this.picture, this.name, this.weights, this.out, this.trouble];
    this.element = h("div", { role: "listitem", class: "live-lora-row" }, ...line);
  }

  get tag() {
    return this.box.tags[this.ordinal];
  }

  edit(edit) {
    this.box.apply(edit);
  }

  turn() {
    this.edit(setOn(this.box.text, this.tag, this.switch.checked));
  }

  remove() {
    this.edit(remove(this.box.text, this.tag, this.library.wordsToAdd(this.tag.name)));
  }

  /** Shows the tag in its prompt. */
  select() {
    if (!this.box.visible) return this.find?.(this.tag);
    this.box.area.focus();
    return this.box.area.setSelectionRange(this.tag.start, this.tag.end);
  }

  /** Idempotent: shows what the text says, and never writes. */
  render() {
    const { tag } = this;
    this.switch.checked = isOn(tag);
    set(this.element, "data-off", !isOn(tag));
    say(this.name, tag.name || "(no name)");
    this.label(tag.name);
    this.renderWeights(tag);
    this.renderFile(this.library.resolve(tag.name));
  }

  label(name) {
    set(this.switch, "aria-label", `${name} on`);
    set(this.out, "aria-label", `Remove ${name}`);
    set(this.out, "title", `Remove ${name}`);
    set(
      this.name,
      "title",
      this.find ? `Show the card of ${name}` : `Select ${name} in the prompt`,
    );
  }

  renderWeights(tag) {
    const found = weights(tag);
    while (this.controls.length < found.length) this.addControl();
    while (this.controls.length > found.length) this.controls.pop().element.remove();
    found.forEach((weight, at) => this.controls[at].render(weight, tag.name));
  }

  addControl() {
    const control = new LabelledWeight((role, value) => this.weigh(role, value));
    this.controls.push(control);
    this.weights.append(control.element);
  }

  /** Found again when it is written: the text may have changed since the slider was touched. */
  weigh(role, value) {
    const weight = weightOf(this.tag, role);
    if (weight) this.edit(setWeight(weight, value));
  }

  renderFile({ row, candidates }) {
    this.renderPicture(row);
    const bad = unreadable(this.tag);
    if (bad) return this.complain(`Expected a number or a curve, found “${bad.text}”.`);
    if (row || this.library.state !== "ready")
      return this.complain(row?.error ?? row?.misfit ?? "");
    if (candidates) {
      const names = candidates.map(({ name }) => name);
      return this.complain("Several files have this name. Choose one:", names);
    }
    if (this.tag.args.some(({ key }) => key === "hash")) return this.complain("");
    const near = this.library.nearest(this.tag.name) ?? [];
    return this.complain(
      near.length ? "No LoRA has this name. Did you mean:" : "No LoRA has this name.",
      near,
    );
  }

  renderPicture(row) {
    const key = `${row?.id} ${row?.preview} ${this.tag.name}`;
    if (this.pictured === key) return;
    this.pictured = key;
    this.picture.replaceChildren(picture(row?.stem ?? this.tag.name, row));
  }

  complain(message, choices = []) {
    const key = [message, ...choices].join("\n");
    set(this.element, "data-trouble", message !== "");
    if (this.complaint === key) return;
    this.complaint = key;
    this.trouble.hidden = message === "";
    this.trouble.replaceChildren(message, ...choices.map((name) => this.choice(name)));
  }

  choice(name) {
    const use = () => this.edit(setName(this.tag, name));
    return h(
      "button",
      { type: "button", class: "live-lora-chip", "aria-label": `Use ${name}`, onClick: use },
      name,
    );
  }
}

/** A weight that is neither a number nor a curve (`0@0,1@0.5`). */
function unreadable(tag) {
  return weights(tag).find(({ text, lead }) => !lead && !isStrength(text));
}

/** A weight with the part it is for; a value that is no plain number is shown as it stands. */
class LabelledWeight {
  constructor(write) {
    this.control = new WeightControl((value) => write(this.role, value));
    this.part = h("span", { class: "live-lora-part" });
    this.opaque = h("code", { class: "live-lora-opaque" });
    this.element = h(
      "div",
      { class: "live-lora-labelled" },
      this.part,
      this.control.element,
      this.opaque,
    );
  }

  render({ role, value, text }, name) {
    this.role = role;
    say(this.part, ROLES[role]);
    this.part.hidden = !ROLES[role];
    this.control.name([name, ROLES[role], "weight"].filter(Boolean).join(" "));
    this.control.element.hidden = value === null;
    this.opaque.hidden = value !== null;
    if (value === null) say(this.opaque, text || "(empty)");
    else this.control.show(value);
  }
}
