/** Files that belong together: the same tensors twice, versions of one model; shown, or deleted. */

import { json, written } from "./api.mjs";
import { h, say } from "./dom.mjs";
import { t } from "./language.mjs";

const MOST = 50; // groups that are listed at once

export class GroupsPanel {
  /**
   * @param {import("./library.mjs").Library} library
   * @param {(ids: string[]) => void} only shows these files in the grid
   */
  constructor(library, only) {
    Object.assign(this, { library, only });
    this.status = h("div", { role: "status" });
    this.list = h("ul", { class: "live-lora-sets" });
    this.element = h(
      "section",
      { "aria-label": t("groups.name") },
      h("h3", {}, t("groups.name")),
      h(
        "div",
        { class: "live-lora-line" },
        button(t("groups.duplicates"), () => this.find("duplicates")),
        button(t("groups.versions"), () => this.find("versions")),
      ),
      this.status,
      this.list,
    );
  }

  /** Nothing is asked before a button is pressed: files are read for it. */
  refresh() {}

  async find(what) {
    this.what = what;
    try {
      const { groups, unhashed = 0 } = await json(what);
      const found = Object.values(groups).map((ids) => ids.map((id) => this.library.byId.get(id)));
      this.show(found.map((rows) => rows.filter(Boolean)).filter((rows) => rows.length > 1), unhashed);
    } catch (error) {
      say(this.status, error.message);
    }
  }

  show(groups, unhashed) {
    const none = this.what === "duplicates" ? t("groups.no_duplicates") : t("groups.no_versions");
    const lines = [groups.length ? t("groups.found", { count: groups.length }) : none];
    if (unhashed) lines.push(t("groups.unhashed", { count: unhashed }));
    if (groups.length > MOST) lines.push(t("groups.first", { count: MOST }));
    this.status.replaceChildren(...lines.map((line) => h("div", {}, line)));
    this.list.replaceChildren(...groups.slice(0, MOST).map((rows) => this.group(rows)));
  }

  group(rows) {
    const show = button(t("groups.show"), () => this.only(rows.map(({ id }) => id)));
    show.setAttribute("aria-label", t("groups.show_name", { name: rows[0].name }));
    const files = rows.map((row) => h("div", {}, `${row.relative} `, this.remover(row)));
    return h("li", {}, h("span", {}, ...files), show);
  }

  /** Into the bin, from where it can be restored. */
  remover(row) {
    const remove = button(t("files.delete"), async () => {
      try {
        const { problems } = await json("bulk/delete", written({ ids: [row.id] }));
        await this.library.refresh();
        await this.find(this.what);
        if (problems.length) say(this.status, problems.join(" "));
      } catch (error) {
        say(this.status, error.message);
      }
    });
    remove.setAttribute("aria-label", t("groups.delete_name", { name: row.relative }));
    return remove;
  }
}

function button(label, onClick) {
  return h("button", { type: "button", class: "live-lora-button", onClick }, label);
}
