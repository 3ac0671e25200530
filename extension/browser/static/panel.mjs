/** The active LoRAs of one prompt, as rows under it: a picture of its text and nothing else. */

import { h, say, set } from "./dom.mjs";
import { join, scaleWeights, setOn } from "./edits.mjs";
import { FaultRow } from "./fault_row.mjs";
import { t } from "./language.mjs";
import { LiveSwitch } from "./live_switch.mjs";
import { Readings } from "./reading.mjs";
import { ActiveRow } from "./row.mjs";
import { isOn } from "./tags.mjs";

const SHOWN = 4; // rows of a folded list; one more is not worth folding
const SHOWN_NARROW = 2; // there each takes several lines
const FACTOR = 0.9;

const narrow = globalThis.matchMedia?.("(max-width: 600px)");

export class ActivePanel {
  /**
   * @param {import("./prompt_box.mjs").PromptBox} box
   * @param {import("./library.mjs").Library} library
   * @param {(tag: import("./tags.mjs").Tag) => void} [find] see `ActiveRow`
   */
  constructor(box, library, find) {
    Object.assign(this, { box, library, find, rows: [], faults: [], folded: true });
    this.readings = Readings.for(box);
    this.build();
    const render = () => this.render();
    this.watches = [box.watch(render), library.watch(render), this.readings.watch(render)];
  }

  build() {
    this.count = h("span", { class: "live-lora-count", role: "status" });
    this.all = quiet(() => this.turnAll());
    this.less = quiet(() => this.scaleAll(), t("panel.scale", { factor: FACTOR }));
    this.fold = quiet(() => this.turnFold());
    this.list = h("div", { role: "list", class: "live-lora-rows" });
    this.broken = h("div", { role: "list", class: "live-lora-faults" });
    const label = t("panel.label", { prompt: this.box.label });
    // One for each prompt: the drawer shows the same rows again.
    this.live = this.find ? null : new LiveSwitch(this.box, () => this.rows);
    const heads = [this.count, this.all, this.less, ...(this.live ? [this.live.element] : [])];
    const head = h("div", { class: "live-lora-head" }, ...heads);
    this.element = h(
      "div",
      { role: "group", "aria-label": label, class: "live-lora live-lora-panel" },
      head,
      this.broken,
      this.list,
      this.fold,
    );
    this.fold.classList.add("live-lora-fold");
  }

  /** The prompt is gone: so is the panel. */
  end() {
    for (const unwatch of this.watches) unwatch();
    this.live?.end();
    this.element.remove();
  }

  render() {
    const { tags } = this.box;
    const lost = this.dropRows(tags.length);
    while (this.rows.length < tags.length) this.addRow();
    this.rows.forEach((row) => row.render());
    const mended = this.renderFaults(this.readings.faults());
    this.renderFold(tags.length);
    this.renderHead(tags);
    if (lost || mended) this.catchFocus();
  }

  renderHead(tags) {
    const many = tags.length + this.faults.length;
    this.element.hidden = many === 0;
    const bad = this.rows.filter((row) => row.element.hasAttribute("data-trouble")).length;
    const wrong = bad + this.faults.length;
    const key = wrong && many > 1 ? "panel.count_wrong" : "panel.count";
    say(this.count, t(key, { count: many, wrong }));
    say(this.all, tags.some(isOn) ? t("panel.all_off") : t("panel.all_on"));
    set(this.all, "hidden", tags.length < 2);
    set(this.less, "hidden", tags.length < 2);
    this.live?.render();
  }

  /** True where the focus went with one of them. */
  renderFaults(found) {
    const gone = this.faults.splice(found.length);
    const focused = gone.some(({ element }) => element.contains(document.activeElement));
    gone.forEach(({ element }) => element.remove());
    while (this.faults.length < found.length) {
      const row = new FaultRow(this.box);
      this.faults.push(row);
      this.broken.append(row.element);
    }
    found.forEach((fault, at) => this.faults[at].render(fault));
    return focused;
  }

  /** Many rows must not push the page away: the first ones, and how many more there are. */
  renderFold(count) {
    const shown = narrow?.matches ? SHOWN_NARROW : SHOWN;
    const foldable = count > shown + 1;
    const hides = foldable && this.folded;
    this.rows.forEach(({ element }, at) => set(element, "hidden", hides && at >= shown));
    this.fold.hidden = !foldable;
    say(this.fold, hides ? t("panel.more", { count: count - shown }) : t("panel.fewer"));
    set(this.fold, "aria-expanded", String(!hides));
    set(this.list, "data-long", foldable && !hides);
  }

  turnFold() {
    this.folded = !this.folded;
    this.render();
  }

  addRow() {
    const { box, library, rows, readings, find } = this;
    const row = new ActiveRow(box, library, rows.length, readings, find);
    rows.push(row);
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
    const row = this.rows.findLast(({ element }) => !element.hidden);
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

  scaleAll() {
    const { text, tags } = this.box;
    this.box.apply(
      join(
        text,
        tags.map((tag) => scaleWeights(text, tag, FACTOR)),
      ),
    );
  }
}

function quiet(onClick, text = "") {
  return h("button", { type: "button", class: "live-lora-quiet", onClick }, text);
}
