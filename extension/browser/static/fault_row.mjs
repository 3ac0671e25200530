/** What looks like a tag and cannot be read: its text, what is wrong with it, and how to mend it. */

import { h, say, set } from "./dom.mjs";
import { remove } from "./edits.mjs";
import { t } from "./language.mjs";
import { told } from "./prompt_trouble.mjs";
import { Trouble } from "./trouble.mjs";

export class FaultRow {
  /** @param {import("./prompt_box.mjs").PromptBox} box */
  constructor(box) {
    this.box = box;
    this.text = h("button", {
      type: "button",
      class: "live-lora-name live-lora-code",
      title: t("fault.select"),
      onClick: () => this.select(),
    });
    this.out = h(
      "button",
      { type: "button", class: "live-lora-icon", onClick: () => this.remove() },
      "✕",
    );
    this.trouble = new Trouble((edit) => this.fault.stale || box.apply(edit));
    const line = [this.text, this.out, this.trouble.element];
    this.element = h("div", { role: "listitem", class: "live-lora-row live-lora-fault" }, ...line);
  }

  /** @param {ReturnType<import("./reading.mjs").Readings["faults"]>[number]} fault */
  render(fault) {
    this.fault = fault;
    say(this.text, fault.source);
    const label = t("row.remove", { name: fault.source });
    set(this.out, "aria-label", label);
    set(this.out, "title", label);
    this.out.disabled = fault.stale;
    this.trouble.render([told(fault, fault.fix, this.box.text)]);
  }

  remove() {
    this.box.apply(remove(this.box.text, this.fault.tag));
  }

  select() {
    if (!this.box.visible) return;
    this.box.area.focus();
    this.box.area.setSelectionRange(this.fault.tag.start, this.fault.tag.end);
  }
}
