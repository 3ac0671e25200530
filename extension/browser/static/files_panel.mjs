/** Work on all files that the tab shows: found by a search, then tagged, moved or deleted. */

import { json, written } from "./api.mjs";
import { h, say } from "./dom.mjs";
import { t } from "./language.mjs";

export class FilesPanel {
  /**
   * @param {() => {id: string, name: string}[]} shown the files that the tab shows
   * @param {() => void} changed the library has changed
   */
  constructor(shown, changed) {
    Object.assign(this, { shown, changed });
    this.text = h("input", { type: "text", class: "live-lora-search" });
    this.status = h("div", { role: "status" });
    this.bin = h("ul", { class: "live-lora-sets" });
    this.count = h("p", { class: "live-lora-dim" });
    this.element = h(
      "section",
      { "aria-label": t("files.name") },
      h("h3", {}, t("files.name")),
      this.count,
      h(
        "div",
        { class: "live-lora-line" },
        h("label", {}, t("files.text"), " ", this.text),
        this.button(t("files.add_tag"), () => this.tag("add")),
        this.button(t("files.remove_tag"), () => this.tag("remove")),
        this.button(t("files.move"), () => this.do("bulk/move", { folder: this.value })),
        this.button(t("files.rename"), () => this.rename()),
        this.button(t("files.delete"), () => this.do("bulk/delete", {})),
      ),
      this.status,
      h("h3", {}, t("files.deleted")),
      this.bin,
    );
  }

  button(label, onClick) {
    return h("button", { type: "button", class: "live-lora-button", onClick }, label);
  }

  get value() {
    return this.text.value.trim();
  }

  async refresh() {
    this.showCount();
    try {
      const { deleted } = await json("bin");
      const byId = grouped(deleted);
      this.bin.replaceChildren(...[...byId].map(([id, files]) => this.deletion(id, files)));
    } catch (error) {
      say(this.status, error.message);
    }
  }

  showCount() {
    const files = this.shown();
    this.counted = files;
    const count = files.length;
    const which =
      count === 1 ? t("files.one", { name: files[0].name }) : t("files.many", { count });
    say(this.count, which);
  }

  deletion(id, files) {
    const [{ relative: name }] = files;
    const count = files.length - 1;
    const label = count ? t("files.deletion", { name, count }) : name;
    const restore = this.button(t("files.restore"), () => this.post("bin/restore", { id }));
    const purge = this.button(t("files.purge"), () => {
      if (confirm(t("files.purge_sure", { name: label }))) this.post("bin/purge", { id });
    });
    restore.setAttribute("aria-label", t("files.restore_name", { name: label }));
    purge.setAttribute("aria-label", t("files.purge_name", { name: label }));
    return h("li", {}, h("span", {}, label), restore, purge);
  }

  /** Nothing is done to other files than those that were counted out loud. */
  get stale() {
    if (this.counted === this.shown()) return false;
    this.showCount();
    say(this.status, t("files.stale"));
    return true;
  }

  tag(what) {
    if (!this.value) return say(this.status, t("files.no_tag"));
    return this.do("bulk/tag", { [what]: [this.value] });
  }

  rename() {
    if (this.stale) return undefined;
    const files = this.shown();
    if (files.length !== 1) return say(this.status, t("files.which"));
    if (!this.value) return say(this.status, t("files.no_name"));
    return this.post("bulk/rename", { id: files[0].id, name: this.value });
  }

  do(path, content) {
    if (this.stale) return undefined;
    return this.post(path, { ...content, ids: this.shown().map(({ id }) => id) });
  }

  async post(path, content) {
    try {
      const { done, problems } = await json(path, written(content));
      const count = done.length;
      const said = count === 1 ? t("files.done_one", { name: done[0] }) : t("files.done", { count });
      const lines = [said, ...problems];
      // Said once the cards are those of now: a moved file has another id, which the next click needs.
      await this.changed();
      await this.refresh();
      this.status.replaceChildren(...lines.map((one) => h("div", {}, one)));
    } catch (error) {
      say(this.status, error.message);
    }
  }
}

/** Of one deletion each. */
function grouped(deleted) {
  const byId = new Map();
  for (const one of deleted) byId.set(one.id, [...(byId.get(one.id) ?? []), one]);
  return byId;
}
