/** Every argument of a tag besides its plain weights, in the program's words; a click opens it. */

import { h, say, set } from "./dom.mjs";
import { t } from "./language.mjs";
import { weights } from "./tags.mjs";

/**
 * The arguments that have a chip. `key` is theirs as long as the tag has them: the name they go
 * under, and a number where there are several.
 * @param {import("./tags.mjs").Tag} tag
 * @param {import("./reading.mjs").TagReading} reading
 */
export function chipsOf(tag, reading, text) {
  const shown = new Set(weights(tag).map(({ start }) => start));
  const counted = new Map();
  return tag.args.flatMap((argument, at) => {
    const place = argument.start + argument.value.length - argument.value.trimStart().length;
    if (argument.key === "on" || shown.has(place)) return [];
    const read = reading.arguments?.[at] ?? null;
    const name = read?.means ?? argument.key ?? t("row.value", { number: at + 1 });
    counted.set(name, (counted.get(name) ?? 0) + 1);
    const written = text.slice(argument.from, argument.end).trim();
    const problems = reading.problems.filter(
      ({ code, start, end }) =>
        code !== "constant-in-text-encoder" &&
        start < argument.end - tag.start &&
        end > argument.from - tag.start,
    );
    return [{ key: `${name} ${counted.get(name)}`, name, at, argument, read, written, problems }];
  });
}

export class Chips {
  /** @param {(key: string) => void} open what a click on a chip, or on “+”, does */
  constructor(open) {
    this.open = open;
    this.buttons = new Map();
    this.element = h("div", { class: "live-lora-chips" });
  }

  /** @param {ReturnType<typeof chipsOf>} chips @param {string} opened the key of the open one */
  render(chips, opened, editorId) {
    const keys = new Set(chips.map(({ key }) => key));
    for (const [key, button] of this.buttons) if (!keys.has(key)) this.drop(key, button);
    chips.forEach((chip) => this.renderChip(chip, chip.key === opened, editorId));
    this.element.hidden = chips.length === 0;
  }

  renderChip({ key, name, read, written, problems }, opened, editorId) {
    const button = this.buttons.get(key) ?? this.add(key);
    say(button, read?.words || written);
    set(button, "title", written);
    set(button, "data-name", name);
    set(button, "data-trouble", worst(problems));
    set(button, "aria-expanded", String(opened));
    set(button, "aria-controls", opened && editorId);
  }

  add(key) {
    const button = h("button", {
      type: "button",
      class: "live-lora-chip live-lora-argument",
      onClick: () => this.open(key),
    });
    this.buttons.set(key, button);
    this.element.append(button);
    return button;
  }

  drop(key, button) {
    button.remove();
    this.buttons.delete(key);
  }

  focus(key) {
    this.buttons.get(key)?.focus({ preventScroll: true });
  }
}

function worst(problems) {
  const kinds = problems.map(({ severity }) => severity);
  return kinds.includes("error") ? "error" : kinds[0];
}
