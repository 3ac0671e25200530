/** Sets: LoRAs with weights and words under a name, put into the prompt by a click. */

import { address, json, written } from "./api.mjs";
import { h, say } from "./dom.mjs";
import { append } from "./edits.mjs";
import { t } from "./language.mjs";
import { has, put } from "./words.mjs";

const PICTURES = "image/png,image/jpeg,image/webp,image/gif,image/avif";

export class SetsPanel {
  /** @param {import("./targets.mjs").Targets} targets */
  constructor(targets) {
    this.targets = targets;
    this.seen = 0; // so that a new picture has a new address
    this.list = h("ul", { class: "live-lora-sets" });
    this.status = h("div", { role: "status" });
    this.name = h("input", { type: "text", class: "live-lora-search" });
    this.words = h("input", { type: "text", class: "live-lora-search" });
    this.negative = h("input", { type: "text", class: "live-lora-search" });
    this.image = h("input", { type: "file", accept: PICTURES, hidden: true });
    this.image.addEventListener("change", () => this.keepPicture(this.image.files[0]));
    this.file = h("input", { type: "file", accept: ".json,application/json", hidden: true });
    this.file.addEventListener("change", () => this.import(this.file.files[0]));
    this.element = h(
      "section",
      { "aria-label": t("sets.name") },
      h("h3", {}, t("sets.name")),
      h(
        "div",
        { class: "live-lora-line" },
        h("label", {}, t("sets.label"), " ", this.name),
        h("label", {}, t("sets.words"), " ", this.words),
        h("label", {}, t("sets.negative"), " ", this.negative),
        button(t("sets.save"), () => this.save()),
        button(t("sets.import"), () => this.file.click()),
        h(
          "a",
          { class: "live-lora-button", href: address("sets/export"), download: "sets.json" },
          t("sets.export"),
        ),
        this.file,
        this.image,
      ),
      this.list,
      this.status,
    );
  }

  async refresh() {
    await this.tried(async () => {
      const { sets } = await json("sets");
      this.list.replaceChildren(...sets.map((one) => this.item(one)));
    });
  }

  item(one) {
    const src = address(`sets/${one.id}/picture?v=${this.seen}`);
    const picture = one.picture && h("img", { src, alt: "", loading: "lazy" });
    const use = button(t("sets.use"), () => this.use(one));
    const give = button(t("sets.picture"), () => {
      this.pictured = one.id;
      this.image.click();
    });
    const remove = button(t("sets.remove"), () => this.change(`sets/${one.id}/remove`, {}));
    use.setAttribute("aria-label", t("sets.use_name", { name: one.name }));
    give.setAttribute("aria-label", t("sets.picture_name", { name: one.name }));
    remove.setAttribute("aria-label", t("sets.remove_name", { name: one.name }));
    const dim = (line) => h("div", { class: "live-lora-dim" }, line);
    const against = one.negative && t("sets.against", { text: one.negative });
    const lines = [one.text, against, ...one.notes].filter(Boolean);
    const words = h("span", {}, h("strong", {}, one.name), ...lines.map(dim));
    return h("li", {}, picture, words, use, give, remove);
  }

  /** Behind what is written, as one step of undo in each of the two prompts. */
  use(one) {
    const box = this.targets.current;
    if (!box) return say(this.status, t("sets.no_prompt"));
    box.apply(append(box.text, one.text));
    const beside = this.targets.negativeOf(box);
    if (one.negative && beside && !has(beside.text, one.negative))
      beside.apply(put(beside.text, one.negative));
    return say(this.status, t("sets.used", { name: one.name, prompt: box.label }));
  }

  save() {
    const text = this.targets.current?.text ?? "";
    const [name, words, negative] = [this.name, this.words, this.negative].map(
      ({ value }) => value.trim(),
    );
    return this.change("sets", { text, name, words, negative });
  }

  keepPicture(file) {
    if (!file) return undefined;
    this.image.value = "";
    return this.tried(async () => {
      const options = { method: "POST", headers: { "Content-Type": file.type }, body: file };
      await json(`sets/${this.pictured}/picture`, options);
      this.seen = Date.now();
      await this.refresh();
    });
  }

  /** An export of sets, or a recipe of LoRA Manager. */
  async import(file) {
    if (!file) return;
    this.file.value = "";
    await this.tried(async () => {
      const content = JSON.parse(await file.text());
      const isExport = Object.hasOwn(content, "live lora sets");
      if (isExport) await this.change("sets/import", content);
      else await this.change("sets", { recipe: content });
    });
  }

  change(path, content) {
    return this.tried(async () => {
      await json(path, written(content));
      await this.refresh();
    });
  }

  async tried(work) {
    try {
      say(this.status, "");
      await work();
    } catch (error) {
      say(this.status, error.message);
    }
  }
}

function button(label, onClick) {
  return h("button", { type: "button", class: "live-lora-button", onClick }, label);
}
