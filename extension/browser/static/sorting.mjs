/** In which order the cards stand: by what, which way, and for "random" by which seed. */

import { choice, offerOptions } from "./controls.mjs";
import { h, say, set } from "./dom.mjs";
import { t } from "./language.mjs";
import { ORDERS, ordered, shuffle } from "./orders.mjs";
import { remembered } from "./settings.mjs";

const SEEDS = 1000; // few enough to be told to somebody

export class Sorting {
  /** @param {() => void} changed */
  constructor(changed) {
    Object.assign(this, { changed, sorted: {} });
    this.order = choice(t("toolbar.sort"), () => this.reorder());
    this.direction = square(() => this.turn());
    this.dice = square(() => this.throw(Math.floor(Math.random() * SEEDS)));
    this.dice.append("⟳");
    for (const name of ["aria-label", "title"]) set(this.dice, name, t("sort.shuffle"));
    this.seed = h("input", {
      type: "number",
      min: "0",
      step: "1",
      class: "live-lora-number",
      value: remembered("seed", "1"),
      "aria-label": t("sort.seed"),
      title: t("sort.seed"),
      onChange: () => this.throw(Number(this.seed.value) || 0),
    });
    this.element = h("span", { class: "live-lora-pair" }, this.order, this.direction, this.seed, this.dice);
    this.begin();
  }

  /** The whole library in the chosen order, sorted once per library and order. */
  of(rows) {
    const { down, seed } = this;
    const order = this.order.value;
    const key = order === "random" ? `random ${seed.value}` : `${order} ${down}`;
    if (this.sorted.rows === rows && this.sorted.key === key) return this.sorted.list;
    if (order === "random") shuffle(rows, Number(seed.value));
    this.sorted = { rows, key, list: ordered(rows, order, down && order !== "random") };
    return this.sorted.list;
  }

  begin() {
    offerOptions(this.order, Object.entries(ORDERS).map(([key, { label }]) => [key, t(label)]));
    this.order.value = remembered("order", "name");
    if (!this.order.value) this.order.value = "name";
    this.down = remembered("down", ORDERS[this.order.value].down ? "yes" : "no") === "yes";
    this.render();
  }

  render() {
    const random = this.order.value === "random";
    const label = this.down ? t("toolbar.down") : t("toolbar.up");
    for (const name of ["aria-label", "title"]) set(this.direction, name, label);
    say(this.direction, this.down ? "↓" : "↑");
    set(this.direction, "hidden", random);
    set(this.seed, "hidden", !random);
    set(this.dice, "hidden", !random);
  }

  reorder() {
    this.down = Boolean(ORDERS[this.order.value].down);
    this.keep();
  }

  turn() {
    this.down = !this.down;
    this.keep();
  }

  throw(seed) {
    this.seed.value = String(seed);
    remembered.keep("seed", this.seed.value);
    this.keep();
  }

  keep() {
    remembered.keep("order", this.order.value);
    remembered.keep("down", this.down ? "yes" : "no");
    this.render();
    this.changed();
  }
}

function square(onClick) {
  return h("button", { type: "button", class: "live-lora-button live-lora-square", onClick });
}
