/** What is wrong with a tag, in words, each with what can be done about it at a click. */

import { h } from "./dom.mjs";

export class Trouble {
  /**
   * @param {(edit: import("./edits.mjs").Edit) => void} edit applies an edit to the prompt
   * @param {() => void} [leave] puts the focus elsewhere, once nothing is left to do here
   */
  constructor(edit, leave = () => {}) {
    Object.assign(this, { edit, leave });
    this.key = "[]";
    this.element = h("div", { class: "live-lora-troubles", hidden: true });
  }

  /**
   * @param {{text: string, kind: "error" | "warning" | "note",
   *   choices?: {label: string, name?: string, edit: import("./edits.mjs").Edit,
   *   disabled?: boolean}[]}[]} items
   */
  render(items) {
    const key = JSON.stringify(items);
    if (this.key === key) return;
    const focused = this.element.contains(document.activeElement);
    this.key = key;
    this.element.hidden = items.length === 0;
    this.element.replaceChildren(...items.map((item) => this.line(item)));
    if (!focused) return;
    const button = this.element.querySelector("button");
    if (button) button.focus({ preventScroll: true });
    else this.leave();
  }

  line({ text, kind, choices = [] }) {
    const buttons = choices.map((choice) => this.choice(choice));
    return h("div", { class: "live-lora-trouble", "data-kind": kind }, text, ...buttons);
  }

  choice({ label, name = label, edit, disabled }) {
    return h(
      "button",
      {
        type: "button",
        class: "live-lora-chip",
        "aria-label": name,
        disabled,
        onClick: () => this.edit(edit),
      },
      label,
    );
  }
}
