/** Search, filters, order and the few switches above the cards. */

import { h, say, set } from "./dom.mjs";
import { ORDERS, counts, folders } from "./query.mjs";
import { remembered } from "./settings.mjs";

export class Toolbar {
  /** @param {{changed(): void, refresh(): void}} actions */
  constructor(actions) {
    this.actions = actions;
    this.base = "";
    this.search = h("input", {
      type: "search",
      class: "live-lora-search",
      placeholder: "Search names, folders, trigger words   ( / )",
      "aria-label": "Search LoRAs",
      autocomplete: "off",
      spellcheck: "false",
    });
    this.folder = choice("Folder", () => actions.changed());
    this.order = choice("Sort by", () => this.reorder());
    this.refresh = h(
      "button",
      { type: "button", class: "live-lora-button", onClick: () => actions.refresh() },
      "Refresh",
    );
    this.bases = h("div", { role: "group", "aria-label": "Base model", class: "live-lora-bases" });
    this.count = h("span", { role: "status", class: "live-lora-count" });
    this.progress = h("span", { class: "live-lora-progress", hidden: true });
    this.element = h("div", { class: "live-lora-toolbar" }, this.first(), this.bases);
    this.search.addEventListener("input", () => actions.changed());
    this.search.addEventListener("keydown", (event) => this.escape(event));
    this.offerOrders();
  }

  first() {
    const { search, folder, order, refresh } = this;
    return h("div", { class: "live-lora-line", role: "search" }, search, folder, order, refresh);
  }

  /** What `query.search` takes, and the order. */
  get query() {
    return { text: this.search.value, folder: this.folder.value, base: this.base };
  }

  /** Everything again. */
  clear() {
    this.seek("");
  }

  /** A search in the whole library. */
  seek(text) {
    this.search.value = text;
    this.folder.value = "";
    this.base = "";
    this.actions.changed();
  }

  /** Offers what the library holds; a choice that is gone falls back to all. */
  offer(rows) {
    this.rows = rows;
    const all = [["", `All folders (${rows.length})`]];
    offerOptions(this.folder, [
      ...all,
      ...folders(rows).map(([path, count]) => [path, `${path} (${count})`]),
    ]);
    this.folder.hidden = this.folder.options.length < 2;
    if (!rows.some((row) => row.base === this.base)) this.base = "";
    this.renderBases();
  }

  renderBases() {
    const found = counts(this.rows, "base");
    this.bases.hidden = found.length < 2;
    const focused =
      this.bases.contains(document.activeElement) && document.activeElement.dataset.base;
    this.bases.replaceChildren(...found.map(([base, count]) => this.baseChip(base, count)));
    [...this.bases.children].find((chip) => chip.dataset.base === focused)?.focus();
  }

  baseChip(base, count) {
    const pick = () => {
      this.base = this.base === base ? "" : base;
      this.renderBases();
      this.actions.changed();
    };
    const pressed = String(this.base === base);
    return h(
      "button",
      {
        type: "button",
        class: "live-lora-chip",
        "aria-pressed": pressed,
        "data-base": base,
        onClick: pick,
      },
      base,
      h("small", {}, count),
    );
  }

  showCount(shown, total) {
    say(this.count, shown === total ? `${total} LoRAs` : `${shown} of ${total} LoRAs`);
  }

  /** How far the server's reading is; not read out at every step. */
  showProgress({ read, files }) {
    this.progress.hidden = read >= files;
    const [done, all] = [read, files].map((count) => count.toLocaleString("en"));
    say(this.progress, `${done} of ${all} read`);
  }

  busy(yes) {
    set(this.refresh, "disabled", yes);
    say(this.refresh, yes ? "Loading…" : "Refresh");
  }

  offerOrders() {
    offerOptions(
      this.order,
      Object.entries(ORDERS).map(([key, { label }]) => [key, label]),
    );
    this.order.value = remembered("order", "name");
    if (!this.order.value) this.order.value = "name";
  }

  reorder() {
    remembered.keep("order", this.order.value);
    this.actions.changed();
  }

  /** Esc empties the search; the webui would stop a running generation. */
  escape(event) {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    if (!this.search.value) return;
    event.preventDefault();
    this.search.value = "";
    this.actions.changed();
  }
}

/** A select with a name that is read out. */
export function choice(label, changed) {
  return h("select", {
    class: "live-lora-select",
    "aria-label": label,
    title: label,
    onChange: changed,
  });
}

/** Replaces the options and keeps what was chosen, where it is still there. */
export function offerOptions(select, options) {
  const chosen = select.value;
  select.replaceChildren(...options.map(([value, text]) => h("option", { value }, text)));
  select.value = options.some(([value]) => value === chosen) ? chosen : (options[0]?.[0] ?? "");
}
