/** Sets: LoRAs with weights and words under a name, put into the prompt by a click. */

import { address, json, written } from "./api.mjs";
import { h, say } from "./dom.mjs";
import { append } from "./edits.mjs";

export class SetsPanel {
  /** @param {import("./targets.mjs").Targets} targets */
  constructor(targets) {
    this.targets = targets;
    this.list = h("ul", { class: "live-lora-sets" });
    this.status = h("div", { role: "status" });
    this.name = h("input", { type: "text", class: "live-lora-search" });
    this.file = h("input", { type: "file", accept: ".json,application/json", hidden: true });
    this.file.addEventListener("change", () => this.import(this.file.files[0]));
    this.element = h(
      "section",
      { "aria-label": "Sets" },
      h("h3", {}, "Sets"),
      h(
        "div",
        { class: "live-lora-line" },
        h("label", {}, "Name ", this.name),
        button("Save the prompt's LoRAs", () => this.save()),
        button("Import…", () => this.file.click()),
        h(
          "a",
          { class: "live-lora-button", href: address("sets/export"), download: "sets.json" },
          "Export",
        ),
        this.file,
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
    const src = address(`sets/${one.id}/picture`);
    const picture = one.picture && h("img", { src, alt: "", loading: "lazy" });
    const use = button("Use", () => this.use(one));
    const remove = button("Remove", () => this.change(`sets/${one.id}/remove`, {}));
    use.setAttribute("aria-label", `Use ${one.name}`);
    remove.setAttribute("aria-label", `Remove ${one.name}`);
    const dim = (line) => h("div", { class: "live-lora-dim" }, line);
    const words = h("span", {}, h("strong", {}, one.name), ...[one.text, ...one.notes].map(dim));
    return h("li", {}, picture, words, use, remove);
  }

  /** Behind what is written, as one step of undo. */
  use(one) {
    const box = this.targets.current;
    if (!box) return say(this.status, "There is no prompt to add it to.");
    box.apply(append(box.text, one.text));
    return say(this.status, `${one.name} is in ${box.label}.`);
  }

  save() {
    const text = this.targets.current?.text ?? "";
    return this.change("sets", { text, name: this.name.value.trim() });
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
