/** A textual inversion, whose name goes in and out of a prompt as a word; or a checkpoint. */

import { Card } from "./card.mjs";
import { h, set } from "./dom.mjs";
import { t } from "./language.mjs";
import { WHATS } from "./shelf.mjs";
import { has, put, take } from "./words.mjs";

export class OtherCard extends Card {
  build() {
    super.build();
    const what = t(WHATS[this.row.what]);
    this.foot.append(h("span", { class: "live-lora-what" }, what));
    set(this.pick, "aria-description", what);
  }

  /** No tag, and so no weight. */
  weights() {
    return [];
  }

  /** A word in and out; what is no word opens its details. */
  click() {
    const { row, actions } = this;
    const box = actions.targets.current;
    if (row.what !== "inversion" || !box || (row.error && !this.active)) return actions.open(row);
    const edit = this.active ? take(box.text, row.stem) : put(box.text, row.stem);
    return edit && box.apply(edit);
  }

  render() {
    const box = this.actions.targets.current;
    this.active = this.row.what === "inversion" && has(box?.text ?? "", this.row.stem);
    set(this.pick, "aria-pressed", this.row.what === "inversion" && String(this.active));
    set(this.element, "data-active", this.active);
  }
}
