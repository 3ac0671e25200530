/** What is wrong with a tag, in words, each with what can be done about it at a click. */

import { h } from "./dom.mjs";

/** Matters of course, said once in the row. */
const NOTES = new Set(["constant-in-text-encoder"]);

export class Trouble {
  /** @param {(edit: import("./edits.mjs").Edit) => void} edit applies an edit to the prompt */
  constructor(edit) {
    this.edit = edit;
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
    if (focused) this.element.querySelector("button")?.focus({ preventScroll: true });
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

/**
 * A problem of the program's as an item.
 * @param {import("./reading.mjs").Problem} problem
 * @param {import("./edits.mjs").Edit | null} fix counted from the beginning of the prompt
 * @param {string} text the prompt
 */
export function told({ message, severity, code, stale = false }, fix, text) {
  const choices = fix ? [{ label: fixWords(fix, text), edit: fix, disabled: stale }] : [];
  return { text: sentence(message, fix), kind: NOTES.has(code) ? "note" : severity, choices };
}

/** The button's words say what to write: the sentence need not. */
function sentence(message, fix) {
  const said = fix ? message.replace(/; (?:write .* instead|did you mean .*\?)$/s, "") : message;
  return said.charAt(0).toUpperCase() + said.slice(1) + (/[.?!]$/.test(said) ? "" : ".");
}

function fixWords({ start, end, text: put }, text) {
  if (put === "") return `Take out ${text.slice(start, end).replace(/^:/, "")}`;
  if (start === end) return `Put ${put} after ${/[^:\s]*$/.exec(text.slice(0, start))[0]}`;
  return `Write ${put} instead`;
}
