/** The switch in the head of the rows: weights that are moved act on the picture being drawn. */

import { h, say, set } from "./dom.mjs";
import { formatNumber } from "./edits.mjs";
import { t } from "./language.mjs";
import { isSwitchedOn, keyOf, Moving } from "./moving.mjs";

export class LiveSwitch {
  /**
   * @param {import("./prompt_box.mjs").PromptBox} box
   * @param {() => import("./row.mjs").ActiveRow[]} rowsOf
   */
  constructor(box, rowsOf) {
    Object.assign(this, { box, rowsOf });
    this.moving = new Moving(box, (state, error) => this.show(state, error));
    this.switch = h("input", {
      type: "checkbox",
      role: "switch",
      class: "live-lora-switch",
      onChange: () => this.moving.turn(this.switch.checked),
    });
    this.words = h("span");
    this.at = h("span", { class: "live-lora-at" });
    const label = h("label", { class: "live-lora-live" }, this.switch, this.words);
    this.element = h("span", { class: "live-lora-live-part" }, label, this.at);
    this.switch.checked = isSwitchedOn();
    if (this.switch.checked) this.moving.turn(true);
  }

  render() {
    say(this.words, t("live.switch"));
    set(this.element, "title", t("live.hint"));
  }

  /** How far the drawing is, and on each row from which step on its weight acts. */
  show(state, error) {
    const far = state?.steps ? { step: String(state.step + 1), count: String(state.steps) } : null;
    const key = state?.hires ? "live.at_hires" : "live.at";
    set(this.at, "role", error ? "alert" : null); // steps are not read out one by one
    say(this.at, error ?? (far ? t(key, far) : ""));
    const acted = new Map();
    for (const one of state?.moved ?? [])
      if (one.side === this.moving.side) acted.set(keyOf(one.name, one.number), one);
    const counts = {};
    for (const row of this.rowsOf()) {
      const { name } = row.tag ?? {};
      if (name === undefined) continue;
      const number = (counts[name] = (counts[name] ?? -1) + 1);
      row.showActed(sentence(acted.get(keyOf(name, number))));
    }
  }

  end() {
    this.moving.end();
  }
}

function sentence(one) {
  if (!one) return "";
  const value = one.value === null ? t("live.as_written") : formatNumber(one.value);
  return t(one.hires ? "live.acts_hires" : "live.acts", { value, step: String(one.step + 1) });
}
