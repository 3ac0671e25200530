/** The prompts of the page, found wherever the host puts them, and the one that cards act on. */

import { t } from "./language.mjs";
import { PromptBox } from "./prompt_box.mjs";

const NAMES = {
  txt2img_prompt: "prompt.txt2img",
  txt2img_neg_prompt: "prompt.txt2img_negative",
  img2img_prompt: "prompt.img2img",
  img2img_neg_prompt: "prompt.img2img_negative",
  hires_prompt: "prompt.hires",
  hires_neg_prompt: "prompt.hires_negative",
};

/** The webui's editor of styles is no prompt of a picture. */
const PROMPTS = ".prompt:not([id*=edit_style]) textarea";

export class Targets {
  /**
   * @param {(box: PromptBox, block: HTMLElement) => void} found called for each new prompt
   * @param {(box: PromptBox) => void} lost called for each that is no longer on the page
   */
  constructor(found, lost) {
    Object.assign(this, { found, lost });
    this.boxes = [];
    this.known = new WeakSet();
    this.listeners = new Set();
    this.chosen = null;
  }

  /** Calls back after each change: other prompts, another choice, another text. */
  watch(listener) {
    this.listeners.add(listener);
  }

  /** Takes in every prompt that appeared since, and lets go of those that went. */
  look(root = document) {
    const gone = this.boxes.filter(({ area }) => !area.isConnected);
    this.boxes = this.boxes.filter((box) => !gone.includes(box));
    gone.forEach((box) => this.lose(box));
    const areas = [...root.querySelectorAll(PROMPTS)].filter((area) => !this.known.has(area));
    areas.forEach((area) => this.adopt(area));
    if (areas.length || gone.length) this.tell();
  }

  /** Should the page show the same textarea again, it is taken in anew. */
  lose(box) {
    this.known.delete(box.area);
    this.lost(box);
  }

  adopt(area) {
    const block = area.closest(".prompt");
    const box = new PromptBox(area, labelOf(area, block), isNegative(area));
    this.known.add(area);
    this.boxes.push(box);
    this.boxes.sort((a, b) =>
      a.area.compareDocumentPosition(b.area) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1,
    );
    box.watch(() => this.tell());
    area.addEventListener("focus", () => this.follow(box));
    if (document.activeElement === area) this.follow(box);
    this.found(box, block);
  }

  /** The prompt that cards act on: the chosen one, else the first of the page. */
  get current() {
    return this.boxes.includes(this.chosen) ? this.chosen : (this.boxes[0] ?? null);
  }

  /** The negative prompt that goes with one: the next on the page, before another positive one. */
  negativeOf(box) {
    const next = this.boxes[this.boxes.indexOf(box) + 1];
    return box.negative ? box : next?.negative ? next : null;
  }

  choose(box) {
    this.chosen = box;
    this.tell();
  }

  /** In img2img's own tab its prompt is meant; where none is in sight, the one chosen before. */
  chooseSeen() {
    const seen = this.boxes.find(({ visible, negative }) => visible && !negative);
    if (seen && !this.current.visible) this.choose(seen);
  }

  /** Who last wrote in img2img means img2img; a negative prompt is only ever chosen by hand. */
  follow(box) {
    if (box !== this.current && !box.negative) this.choose(box);
  }

  tell() {
    for (const listener of this.listeners) listener(this);
  }
}

function isNegative(area) {
  return /neg/i.test(area.closest("[id]")?.id ?? "");
}

function labelOf(area, block) {
  const known = NAMES[block.id];
  if (known) return t(known);
  const written = block.querySelector("label span")?.textContent.trim();
  return written || area.getAttribute("aria-label") || t("prompt.other");
}
