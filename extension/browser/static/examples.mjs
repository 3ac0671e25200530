/** A site's example pictures, those that are here, and how they were made: to be used with a click. */

import { exampleAddress } from "./api.mjs";
import { h, set } from "./dom.mjs";
import { t } from "./language.mjs";
import { isVeiled } from "./settings.mjs";

/**
 * @typedef {{number?: number, local?: "image" | "video", address?: string, nsfw?: string,
 *   prompt?: string, negative?: string, settings?: string}} Example
 * @param {string} id of the file
 * @param {Example[]} examples
 * @param {(prompt: string, negative: string) => void} use
 */
export function examplesOf(id, examples, use) {
  return examples.map((example, at) => new Fold(id, example, at + 1, use).element);
}

class Fold {
  constructor(id, example, number, use) {
    Object.assign(this, { id, example, number, use });
    const { prompt = "" } = example;
    const words = h("span", {}, t("examples.one", { number }));
    const first = h("span", { class: "live-lora-example-words", "aria-hidden": "true" }, prompt);
    const head = h("span", { class: "live-lora-example-head" }, words, first);
    const summary = h("summary", {}, this.media("live-lora-example-small"), head);
    this.element = h("details", { class: "live-lora-example" }, summary);
    this.element.addEventListener("toggle", () => this.open(), { once: true });
  }

  /** What is large is fetched when somebody looks. */
  open() {
    const { prompt, negative, settings } = this.example;
    const lines = [prompt, negative && t("sets.against", { text: negative }), settings];
    const shown = lines.filter(Boolean).map((line) => h("p", { class: "live-lora-text" }, line));
    const large = this.media("live-lora-large", { controls: true });
    this.element.append(...[large, ...shown, this.line()].filter(Boolean));
  }

  line() {
    const { prompt, negative = "", address } = this.example;
    const { number } = this;
    const take = h(
      "button",
      {
        type: "button",
        class: "live-lora-button",
        "aria-label": t("examples.use_name", { number }),
        onClick: () => this.use(prompt, negative),
      },
      t("examples.use"),
    );
    const link = { href: address, target: "_blank", rel: "noopener noreferrer" };
    const away = address && h("a", link, t("examples.address"));
    return h("div", { class: "live-lora-line" }, prompt && take, away);
  }

  /** The picture itself, where it lies on this machine; nothing is asked of a site. */
  media(kind, options = {}) {
    const { local, number, nsfw } = this.example;
    if (!local) return null;
    const src = exampleAddress(this.id, number);
    const media =
      local === "video"
        ? h("video", { src, class: kind, preload: "metadata", playsinline: true, loop: true, ...options })
        : h("img", { src, class: kind, alt: "", loading: "lazy", decoding: "async" });
    if (local === "video") media.muted = true;
    media.addEventListener("error", () => media.remove());
    set(media, "data-veiled", isVeiled(nsfw));
    return media;
  }
}
