/** A prompt's textarea: read it, hear of every change, and edit spans of it as the user would. */

import { applyEdit } from "./edits.mjs";
import { scan } from "./tags.mjs";

const touch = globalThis.matchMedia?.("(pointer: coarse)");

export class PromptBox {
  /**
   * @param {HTMLTextAreaElement} area
   * @param {string} label what people call this prompt
   * @param {boolean} negative
   */
  constructor(area, label, negative) {
    Object.assign(this, { area, label, negative });
    this.listeners = new Set();
    this.read();
    area.addEventListener("input", () => this.changed());
    area.addEventListener("focus", () => this.changed());
    hearAssignments(area, () => this.changed());
  }

  /** Calls back now and after every change of the text; returns what ends that. */
  watch(listener) {
    this.listeners.add(listener);
    listener(this);
    return () => this.listeners.delete(listener);
  }

  /** False on another tab of the page, where typing into it is not possible. */
  get visible() {
    return this.area.isConnected && this.area.getClientRects().length > 0;
  }

  /** @param {import("./edits.mjs").Edit} edit one step of undo where the browser can */
  apply(edit) {
    const { area } = this;
    if (applyEdit(area.value, edit) === area.value) return;
    const before = remember(area);
    if (!type(area, edit)) assign(area, edit);
    restore(area, before, edit);
    this.changed();
  }

  changed() {
    if (this.area.value === this.text) return;
    this.read();
    for (const listener of [...this.listeners]) listener(this);
  }

  read() {
    this.text = this.area.value;
    this.tags = scan(this.text);
  }
}

/** gradio sets `value` from Python without an event: an own property of the element hears it. */
function hearAssignments(area, heard) {
  const { get, set } = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value");
  Object.defineProperty(area, "value", {
    configurable: true,
    enumerable: true,
    get() {
      return get.call(this);
    },
    set(text) {
      set.call(this, text);
      queueMicrotask(heard);
    },
  });
}

/**
 * As if typed: keeps the browser's undo. Fails on a hidden tab, where focus() does nothing and
 * execCommand would type into whatever has the focus; a touch screen would raise its keyboard.
 */
function type(area, { start, end, text }) {
  if (touch?.matches) return false;
  area.focus({ preventScroll: true });
  if (document.activeElement !== area) return false;
  area.setSelectionRange(start, end);
  const [command, value] = text ? ["insertText", text] : ["delete", undefined];
  return document.execCommand(command, false, value);
}

function assign(area, { start, end, text }) {
  area.setRangeText(text, start, end, "preserve");
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

function remember(area) {
  const { selectionStart, selectionEnd, scrollTop, scrollLeft } = area;
  return { selectionStart, selectionEnd, scrollTop, scrollLeft, focus: document.activeElement };
}

function restore(area, before, edit) {
  const { selectionStart, selectionEnd, scrollTop, scrollLeft, focus } = before;
  area.setSelectionRange(moved(selectionStart, edit), moved(selectionEnd, edit));
  area.scrollTop = scrollTop;
  area.scrollLeft = scrollLeft;
  if (focus !== area && focus?.isConnected) focus.focus({ preventScroll: true });
}

/** Where a caret stands after an edit: behind it, it moves along; inside, it goes to its end. */
function moved(caret, { start, end, text }) {
  if (caret < start || (caret === start && start !== end)) return caret;
  return caret >= end ? caret + text.length - (end - start) : start + text.length;
}
