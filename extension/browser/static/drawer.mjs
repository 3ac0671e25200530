/**
 * The library beside the prompt: a button at every prompt opens it as a drawer over the page's edge,
 * with prompt, sliders, Generate and picture still in reach. It is the same element as in the tab:
 * it moves, so there is one library with one search, whatever place it is seen in.
 */

import { h, set, say } from "./dom.mjs";
import { t } from "./language.mjs";

const narrow = matchMedia("(max-width: 800px)");

/** Where it stands when the drawer is closed, the first that is in sight; the tab, else. */
const PLACES = ".live-lora-place, #live-lora-tab";

export class Drawer {
  /** @param {import("./tab.mjs").Tab} tab @param {import("./targets.mjs").Targets} targets */
  constructor(tab, targets) {
    Object.assign(this, { tab, targets, buttons: new Map(), open: false });
    this.heading = h("h2", { class: "live-lora-drawer-title" }, t("drawer.name"));
    const close = h("button", {
      type: "button",
      class: "live-lora-tool",
      "aria-label": t("drawer.close"),
      onClick: () => this.close(),
    });
    close.append("✕");
    this.body = h("div", { class: "live-lora-drawer-body" });
    this.element = h(
      "div",
      { class: "live-lora live-lora-drawer", role: "dialog", "aria-label": t("drawer.name"), hidden: true },
      h("div", { class: "live-lora-details-head" }, this.heading, close),
      this.body,
    );
    document.body.append(this.element);
    this.element.addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("click", () => setTimeout(() => this.settle(), 60));
  }

  /** A button at a prompt; negative prompts share their positive one's. */
  attach(box) {
    if (/neg/i.test(box.area.closest("[id]")?.id ?? "")) return null;
    const button = h(
      "button",
      {
        type: "button",
        class: "live-lora-button live-lora-open",
        "aria-expanded": "false",
        onClick: () => this.flip(box),
      },
      t("drawer.name"),
    );
    set(button, "title", t("drawer.open", { prompt: box.label }));
    this.buttons.set(box, button);
    return h("div", { class: "live-lora live-lora-opener" }, button);
  }

  detach(box) {
    this.buttons.get(box)?.parentElement?.remove();
    this.buttons.delete(box);
  }

  flip(box) {
    if (this.open && this.box === box) return this.close();
    this.box = box;
    this.open = true;
    this.targets.choose(box);
    say(this.heading, t("drawer.heading", { prompt: box.label }));
    this.element.hidden = false;
    this.settle();
    this.mark();
    return this.tab.toolbar.search.focus({ preventScroll: true });
  }

  close() {
    this.open = false;
    this.element.hidden = true;
    this.settle();
    this.mark();
    this.buttons.get(this.box)?.focus({ preventScroll: true });
  }

  key(event) {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    event.stopPropagation();
    this.close();
  }

  mark() {
    for (const [box, button] of this.buttons)
      set(button, "aria-expanded", String(this.open && box === this.box));
  }

  /** Puts the library where it is looked at: into the drawer, or into the place in sight. */
  settle() {
    const place = this.open ? this.body : placeInSight();
    const { element } = this.tab;
    if (place && element.parentElement !== place) {
      place.replaceChildren(element);
      this.targets.chooseSeen();
    }
    for (const button of this.buttons.values()) {
      // Where the library stands beside the prompt already, nothing needs to be opened.
      const beside = !this.open && place && isInSight(place) && !narrow.matches;
      button.parentElement.hidden = Boolean(beside);
    }
  }
}

function placeInSight() {
  const places = [...document.querySelectorAll(PLACES)];
  return places.find(isInSight) ?? places[0];
}

function isInSight(place) {
  return place.getClientRects().length > 0;
}
