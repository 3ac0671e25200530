/**
 * A grid of thousands of cards of which only the visible ones exist.
 *
 * All rows have the height of the first one; the focused card's row is kept while it is out of
 * sight. One card is in the tab order at a time, the arrow keys move it (WAI-ARIA grid pattern).
 */

import { h, set } from "./dom.mjs";

const SPARE = 2; // rows made above and below what is visible
const STEPS = { ArrowLeft: -1, ArrowRight: 1 };

export class VirtualGrid {
  /**
   * @param {string} label
   * @param {(item: any) => import("./card.mjs").Card} makeCell anything with its element, focus()
   *   and reachable(yes)
   */
  constructor(label, makeCell) {
    Object.assign(this, {
      makeCell,
      items: [],
      cells: new Map(),
      rows: new Map(),
      current: 0,
      columns: 1,
    });
    this.sizer = h("div", { class: "live-lora-sizer", role: "presentation" });
    this.element = h(
      "div",
      { role: "grid", "aria-label": label, class: "live-lora-grid" },
      this.sizer,
    );
    this.element.addEventListener("scroll", () => this.render(), { passive: true });
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.element.addEventListener("focusin", (event) => this.follow(event.target));
    new ResizeObserver(() => this.resized()).observe(this.element);
  }

  /** Shows other items, from the top, or (`stay`) where the old ones were scrolled to. */
  show(items, stay = false) {
    if (stay && this.height && same(items, this.items)) return this.renew();
    const { scrollTop } = this.element;
    const focused = this.element.contains(document.activeElement);
    this.items = items;
    this.current = stay ? Math.min(this.current, Math.max(0, items.length - 1)) : 0;
    this.layout();
    this.element.scrollTop = stay ? scrollTop : 0;
    this.render();
    if (focused && items.length) this.focus(this.current);
  }

  /** Other cards for the items that changed. */
  renew() {
    for (const [at, cell] of this.cells) {
      if (cell.stamp === this.items[at].stamp) continue;
      const focused = cell.element.contains(document.activeElement);
      const renewed = this.makeCell(this.items[at]);
      set(renewed.element, "aria-colindex", cell.element.getAttribute("aria-colindex"));
      renewed.reachable(at === this.current);
      cell.element.replaceWith(renewed.element);
      this.cells.set(at, renewed);
      if (focused) renewed.focus();
    }
  }

  /** Every existing card, for those whose look depends on more than their item. */
  get visible() {
    return [...this.cells.values()];
  }

  /** Another width means other columns: the card in view, and the focus, stay where they are. */
  resized() {
    const { clientWidth, scrollTop } = this.element;
    if (clientWidth === this.width) return this.render();
    const top = this.height ? Math.floor(scrollTop / this.height) * this.columns : 0;
    const focused = this.element.contains(document.activeElement);
    this.layout();
    if (this.height) this.element.scrollTop = Math.floor(top / this.columns) * this.height;
    return focused ? this.focus(this.current) : this.render();
  }

  /**
   * All rows anew; what depends on the width only (columns, a row's height) is kept with it.
   * On a hidden tab nothing can be measured: rows are made when it is shown.
   */
  layout() {
    const width = this.element.clientWidth;
    this.clear();
    if (width && width !== this.width && this.rowCount) this.setWidth(width);
    if (width && !this.height && this.rowCount)
      this.height = this.addRow(0).getBoundingClientRect().height;
    set(this.element, "aria-rowcount", this.rowCount);
    this.sizer.style.height = `${this.rowCount * (this.height ?? 0)}px`;
    this.render();
  }

  setWidth(width) {
    this.width = width;
    this.height = undefined;
    const list = this.element.dataset.size === "list";
    this.columns = list ? 1 : Math.max(1, Math.floor(width / cardWidth(this.element)));
    this.element.style.setProperty("--columns", String(this.columns));
    set(this.element, "aria-colcount", this.columns);
  }

  /** Cards of another size; "list" is one a line. */
  resize(size) {
    set(this.element, "data-size", size);
    this.width = undefined;
    this.height = undefined;
    this.layout();
  }

  get rowCount() {
    return Math.ceil(this.items.length / this.columns);
  }

  render() {
    if (!this.height || this.element.clientWidth === 0) return;
    const { scrollTop, clientHeight } = this.element;
    const first = Math.max(0, Math.floor(scrollTop / this.height) - SPARE);
    const last = Math.min(
      this.rowCount - 1,
      Math.floor((scrollTop + clientHeight) / this.height) + SPARE,
    );
    for (const [at, row] of this.rows)
      if ((at < first || at > last) && !row.contains(document.activeElement)) this.dropRow(at);
    for (let at = first; at <= last; at += 1) if (!this.rows.has(at)) this.addRow(at);
  }

  addRow(at) {
    const start = at * this.columns;
    const cells = this.items
      .slice(start, start + this.columns)
      .map((item, column) => this.cell(item, start, column));
    const row = h(
      "div",
      { role: "row", "aria-rowindex": at + 1, class: "live-lora-grid-row" },
      ...cells,
    );
    row.style.transform = `translateY(${at * (this.height ?? 0)}px)`;
    this.rows.set(at, row);
    this.sizer.insertBefore(row, this.rowAfter(at));
    return row;
  }

  /** Rows stay in reading order, so that Tab goes the way the eye does. */
  rowAfter(at) {
    const after = [...this.rows.keys()].filter((other) => other > at);
    return after.length ? this.rows.get(Math.min(...after)) : null;
  }

  cell(item, start, column) {
    const cell = this.makeCell(item);
    this.cells.set(start + column, cell);
    cell.reachable(start + column === this.current);
    set(cell.element, "aria-colindex", column + 1);
    return cell.element;
  }

  dropRow(at) {
    this.rows.get(at).remove();
    this.rows.delete(at);
    for (let cell = at * this.columns; cell < (at + 1) * this.columns; cell += 1)
      this.cells.delete(cell);
  }

  clear() {
    for (const at of [...this.rows.keys()]) this.dropRow(at);
  }

  /** A card that got the focus by other means than our keys is the current one. */
  follow(target) {
    for (const [at, cell] of this.cells) if (cell.element.contains(target)) this.makeCurrent(at);
  }

  makeCurrent(at) {
    this.cells.get(this.current)?.reachable(false);
    this.current = at;
    this.cells.get(at)?.reachable(true);
  }

  key(event) {
    if (
      !(event.target instanceof HTMLButtonElement) ||
      event.altKey ||
      event.ctrlKey ||
      event.metaKey
    )
      return;
    const to = this.destination(event.key);
    if (to === null) return;
    event.preventDefault();
    this.focus(Math.max(0, Math.min(this.items.length - 1, to)));
  }

  destination(key) {
    const page = this.columns * Math.max(1, Math.floor(this.element.clientHeight / this.height));
    if (key in STEPS) return this.current + STEPS[key];
    if (key === "ArrowUp")
      return this.current < this.columns ? this.current : this.current - this.columns;
    if (key === "ArrowDown") return this.below();
    if (key === "PageUp") return this.current - page;
    if (key === "PageDown") return this.current + page;
    if (key === "Home") return 0;
    return key === "End" ? this.items.length - 1 : null;
  }

  below() {
    const to = this.current + this.columns;
    return to < this.items.length ? to : this.current;
  }

  /** Moves the focus to a card, wherever it is. */
  focus(at) {
    this.bring(Math.floor(at / this.columns));
    this.render();
    this.makeCurrent(at);
    this.cells.get(at)?.focus();
    this.render();
  }

  bring(row) {
    const top = row * this.height;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + this.height > scrollTop + clientHeight)
      this.element.scrollTop = top + this.height - clientHeight;
  }
}

function same(items, others) {
  return items.length === others.length && items.every((item, at) => item === others[at]);
}

/** The least width of a card with its gap, as the style sheet says it. */
function cardWidth(element) {
  return Number.parseFloat(getComputedStyle(element).getPropertyValue("--card-width")) || 160;
}
