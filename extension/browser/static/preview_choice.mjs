/** Another picture for a file: chosen, or dropped on the one that is shown. */

import { json } from "./api.mjs";
import { h, say } from "./dom.mjs";
import { t } from "./language.mjs";

const KINDS = "image/png,image/jpeg,image/webp,image/gif,image/avif,video/mp4,video/webm";

export class PreviewChoice {
  /** @param {string} id of the file @param {() => void} changed */
  constructor(id, changed) {
    Object.assign(this, { id, changed });
    this.file = h("input", { type: "file", accept: KINDS, hidden: true });
    this.file.addEventListener("change", () => this.keep(this.file.files[0]));
    this.status = h("span", { role: "status" });
    const choose = h(
      "button",
      { type: "button", class: "live-lora-button", onClick: () => this.file.click() },
      t("preview.choose"),
    );
    this.element = h("div", { class: "live-lora-line" }, choose, this.file, this.status);
  }

  /** What is dropped on `element` is kept, too. */
  listen(element) {
    element.addEventListener("dragover", (event) => event.preventDefault());
    element.addEventListener("drop", (event) => {
      event.preventDefault();
      this.keep(event.dataTransfer.files[0]);
    });
    return element;
  }

  async keep(file) {
    if (!file) return;
    this.file.value = "";
    const options = { method: "POST", headers: { "Content-Type": file.type }, body: file };
    try {
      await json(`file/${encodeURIComponent(this.id)}/preview`, options);
      this.changed();
    } catch (error) {
      say(this.status, error.message);
    }
  }
}
