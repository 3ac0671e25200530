/** The place under a row where one of its arguments is edited, or a new one chosen. */

import { BlockEditor } from "./block_editor.mjs";
import { readCurve } from "./curve.mjs";
import { CurveEditor } from "./curve_editor.mjs";
import { h, say, set } from "./dom.mjs";
import { FieldEditor } from "./field_editor.mjs";
import { additions } from "./fields.mjs";
import { t } from "./language.mjs";
import { MaskEditor } from "./mask_editor.mjs";

const STEPS = 20; // where the page has no such setting
let made = 0;

/**
 * @typedef {{key: string, name: string, value: string, title: string,
 *   read: import("./reading.mjs").ReadArgument | null, removable: boolean}} Edited
 */

export class RowEditor {
  /**
   * @param {{write: (value: string) => void, remove: () => void, add: (name: string) => void,
   *   close: () => void, base: () => string}} row what the row does
   */
  constructor(row) {
    this.row = row;
    this.id = `live-lora-editor-${(made += 1)}`;
    this.title = h("span", { class: "live-lora-row-editor-title" });
    this.remove = h(
      "button",
      { type: "button", class: "live-lora-button", onClick: () => row.remove() },
      t("editor.remove"),
    );
    this.shut = h(
      "button",
      {
        type: "button",
        class: "live-lora-icon",
        "aria-label": t("editor.close"),
        onClick: () => row.close(),
      },
      "✕",
    );
    this.body = h("div", {});
    const head = h("div", { class: "live-lora-row-editor-head" }, this.title, this.remove, this.shut);
    this.element = h(
      "div",
      {
        role: "group",
        id: this.id,
        class: "live-lora-row-editor",
        hidden: true,
        onKeydown: (event) => this.onKey(event),
      },
      head,
      this.body,
    );
  }

  onKey(event) {
    if (event.key !== "Escape") return;
    event.stopPropagation(); // the webui's Escape interrupts the picture
    this.row.close();
  }

  /** @param {Edited | null} edited null closes it */
  render(edited) {
    this.element.hidden = edited === null;
    if (edited === null) return this.drop();
    say(this.title, edited.title);
    set(this.element, "aria-label", edited.title);
    this.remove.hidden = !edited.removable;
    const kind = kindOf(edited);
    if (kind !== this.kind) this.make(kind, edited);
    return this.editor.render(edited);
  }

  drop() {
    this.kind = null;
    this.body.replaceChildren();
  }

  make(kind, edited) {
    this.kind = kind;
    this.editor = this.editorFor(edited);
    this.body.replaceChildren(this.editor.element);
  }

  editorFor(edited) {
    const { row } = this;
    if (edited.name === "") return new AddMenu((name) => row.add(name));
    if (readCurve(edited.value)) return new CurveEditor(row.write, () => stepsOf(this.element));
    if (edited.name === "lbw") return new BlockEditor(row.write, row.base);
    if (edited.name === "mask") return new MaskEditor(row.write);
    return new FieldEditor(edited.name, row.write);
  }

  /** To where one goes on after a choice. */
  focus() {
    this.body.querySelector("[role=slider], input, select, button")?.focus();
  }
}

/** Another editor is made where this changes. */
function kindOf({ key, value }) {
  return `${key} ${readCurve(value) ? "curve" : "value"}`;
}

class AddMenu {
  constructor(add) {
    this.add = add;
    this.element = h("div", { class: "live-lora-line" });
  }

  render({ has }) {
    const key = [...has].join();
    if (this.key === key) return;
    this.key = key;
    this.element.replaceChildren(...additions(has).map((one) => this.choice(one)));
  }

  choice([name, label]) {
    const onClick = () => this.add(name);
    return h("button", { type: "button", class: "live-lora-chip", onClick }, t(label));
  }
}

/** The page's own number of steps: the webui's of the same tab, else the app's. */
function stepsOf(element) {
  const tab = element.closest("[id^=tab_]")?.id.slice("tab_".length);
  const input = document.querySelector(
    `#${CSS.escape(tab ?? "")}_steps input[type=number], #steps input[type=number]`,
  );
  return Math.max(2, input?.valueAsNumber || STEPS);
}
