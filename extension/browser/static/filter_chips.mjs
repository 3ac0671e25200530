/** Filters beside the base model: what a file is (favourite, unusable, …), its kind, its tags. */

import { chip } from "./controls.mjs";
import { h, say } from "./dom.mjs";
import { kindName } from "./kinds.mjs";
import { t } from "./language.mjs";
import { counts } from "./orders.mjs";
import { STATES } from "./query.mjs";
import { veilChoice } from "./veil.mjs";

const MOST_TAGS = 24;
const GROUPS = { state: "filters.state", kind: "filters.kind", tag: "filters.tag" };
const NONE = { state: "", kind: "", tag: "" };

export class Chips {
  /** @param {() => void} changed @param {() => void} unveiled pictures are blurred from elsewhere on */
  constructor(changed, unveiled) {
    this.changed = changed;
    this.chosen = { ...NONE };
    this.label = h("summary", { class: "live-lora-quiet" }, t("filters.name"));
    this.groups = ["state", "kind", "tag"].map((name) =>
      h("div", { role: "group", "aria-label": t(GROUPS[name]), class: "live-lora-bases" }),
    );
    this.lines = this.groups.map((group) =>
      h("div", { class: "live-lora-filter" }, h("span", { "aria-hidden": "true" }, group.ariaLabel), group),
    );
    const inside = h("div", { class: "live-lora-filter-lines" }, ...this.lines, veilChoice(unveiled));
    this.element = h("details", { class: "live-lora-more" }, this.label, inside);
    this.element.addEventListener("toggle", () => this.render());
  }

  clear() {
    this.chosen = { ...NONE };
    this.render();
  }

  offer(rows) {
    this.rows = rows;
    this.render();
  }

  /** Nothing is counted while nobody looks. */
  render() {
    const { state, kind, tag } = this.chosen;
    const active = [state && t(STATES[state].short), kind && kindName(kind), tag].filter(Boolean);
    const names = active.join(", ");
    say(this.label, active.length ? t("filters.active", { names }) : t("filters.name"));
    if (!this.element.open || !this.rows) return;
    const focused = this.element.contains(document.activeElement)
      ? document.activeElement.dataset.filter
      : null;
    Object.entries(this.options()).forEach(([group, options], at) => {
      this.lines[at].hidden = options.length === 0;
      this.groups[at].replaceChildren(...options.map((option) => this.option(group, ...option)));
    });
    if (focused) this.element.querySelector(`[data-filter="${CSS.escape(focused)}"]`)?.focus();
  }

  options() {
    const states = Object.entries(STATES).map(([key, { label, test }]) => [
      key,
      t(label),
      this.rows.filter(test).length,
    ]);
    const named = (key, shown = (name) => name) =>
      counts(this.rows, key).map(([name, count]) => [name, shown(name), count]);
    const kinds = named("kind", kindName);
    const said = new Set(kinds.map(([kind]) => kind)); // sites give kinds among the tags
    return {
      state: states.filter(([, , count]) => count > 0),
      kind: kinds,
      tag: named("tags").filter(([tag]) => !said.has(tag)).slice(0, MOST_TAGS),
    };
  }

  option(group, key, label, count) {
    const pressed = this.chosen[group] === key;
    const pick = () => {
      this.chosen[group] = pressed ? "" : key;
      this.render();
      this.changed();
    };
    return chip(label, count, pressed, pick, { "data-filter": `${group} ${key}` });
  }
}
