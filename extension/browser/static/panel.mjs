/** The active LoRAs of one prompt, as rows under it: a picture of its text and nothing else. */

import { h, say, set } from "./dom.mjs";
import { join, setOn } from "./edits.mjs";
import { ActiveRow } from "./row.mjs";
import { isOn } from "./tags.mjs";

export class ActivePanel {
  /**
   * @param {import("./prompt_box.mjs").PromptBox} box
   * @param {import("./library.mjs").Library} library
   * @param {(tag: import("./tags.mjs").Tag) => void} [find] see `ActiveRow`
   */
  constructor(box, library, find) {
    Object.assign(this, { box, library, find, rows: [] });
    this.count = h("span", { class: "live-lora-count" });
    this.all = h("button", {
      type: "button",
      class: "live-lora-quiet",
      onClick: () => this.turnAll(),
    });
    this.list = h("div", { role: "list", class: "live-lora-rows" });
    const label = `LoRAs in ${box.label}`;
    const head = h("div", { class: "live-lora-head" }, this.count, this.all);
    this.element = h(
      "div",
      { role: "group", "aria-label": label, class: "live-lora live-lora-panel" },
      head,
      this.list,
    );
    this.watches = [box.watch(() => this.render()), library.watch(() => this.render())];
  }

  /** The prompt is gone: so is the panel. */
  end() {
    for (const unwatch of this.watches) unwatch();
    this.element.remove();
  }

  render() {
    const { tags } = this.box;
    const lost = this.dropRows(tags.length);
    while (this.rows.length < tags.length) this.addRow();
    this.rows.forEach((row) => row.render());
    this.renderHead(tags);
    if (lost) this.catchFocus();
  }

  renderHead(tags) {
    this.element.hidden = tags.length === 0;
    say(this.count, tags.length === 1 ? "1 LoRA" : `${tags.length} LoRAs`);
    say(this.all, tags.some(isOn) ? "All off" : "All on");
    set(this.all, "hidden", tags.length < 2);
  }

  addRow() {
    const row = new ActiveRow(this.box, this.library, this.rows.length, this.find);
    this.rows.push(row);
    this.list.append(row.element);
  }

  dropRows(count) {
    const dropped = this.rows.splice(count);
    const focused = dropped.some((row) => row.element.contains(document.activeElement));
    dropped.forEach((row) => row.element.remove());
    return focused;
  }

  /** Who works with the keyboard must not be thrown to the top of the page when a row goes. */
  catchFocus() {
    const row = this.rows.at(-1);
    if (row) row.out.focus({ preventScroll: true });
    else this.box.area.focus({ preventScroll: true });
  }

  turnAll() {
    const { text, tags } = this.box;
    const on = !tags.some(isOn);
    this.box.apply(
      join(
        text,
        tags.map((tag) => setOn(text, tag, on)),
      ),
    );
  }
}
