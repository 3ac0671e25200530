/** Work on all files that the tab shows: found by a search, then tagged, moved or deleted. */

import { json, written } from "./api.mjs";
import { h, say } from "./dom.mjs";

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
      { "aria-label": "Shown files" },
      h("h3", {}, "Shown files"),
      this.count,
      h(
        "div",
        { class: "live-lora-line" },
        h("label", {}, "Tag, folder or name ", this.text),
        this.button("Add tag", () => this.tag("add")),
        this.button("Take tag away", () => this.tag("remove")),
        this.button("Move to folder", () => this.do("bulk/move", { folder: this.value })),
        this.button("Rename", () => this.rename()),
        this.button("Delete", () => this.do("bulk/delete", {})),
      ),
      this.status,
      h("h3", {}, "Deleted"),
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
    const which = files.length === 1 ? files[0].name : `${files.length} files`;
    say(this.count, `These act on what the search shows: ${which}.`);
  }

  deletion(id, files) {
    const more = files.length > 1 ? ` and ${files.length - 1} more` : "";
    const label = `${files[0].relative}${more}`;
    const restore = this.button("Restore", () => this.post("bin/restore", { id }));
    const purge = this.button("Delete for good", () => {
      if (confirm(`Delete ${label} for good?`)) this.post("bin/purge", { id });
    });
    restore.setAttribute("aria-label", `Restore ${label}`);
    purge.setAttribute("aria-label", `Delete ${label} for good`);
    return h("li", {}, h("span", {}, label), restore, purge);
  }

  /** Nothing is done to other files than those that were counted out loud. */
  get stale() {
    if (this.counted === this.shown()) return false;
    this.showCount();
    say(this.status, "The search has changed: look which files these are, and press again.");
    return true;
  }

  tag(what) {
    if (!this.value) return say(this.status, "Write the tag first.");
    return this.do("bulk/tag", { [what]: [this.value] });
  }

  rename() {
    if (this.stale) return undefined;
    const files = this.shown();
    if (files.length !== 1) return say(this.status, "Search for the one file to rename.");
    if (!this.value) return say(this.status, "Write the new name first.");
    return this.post("bulk/rename", { id: files[0].id, name: this.value });
  }

  do(path, content) {
    if (this.stale) return undefined;
    return this.post(path, { ...content, ids: this.shown().map(({ id }) => id) });
  }

  async post(path, content) {
    try {
      const { done, problems } = await json(path, written(content));
      const files = done.length === 1 ? done[0] : `${done.length} files`;
      const lines = [`Done: ${files}.`, ...problems];
      this.status.replaceChildren(...lines.map((one) => h("div", {}, one)));
      await this.changed();
      await this.refresh();
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
