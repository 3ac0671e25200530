/** Everything about one file, beside the cards: picture, words, facts, and what the user says. */

import { previewAddress, videoAddress } from "./api.mjs";
import { effectOf } from "./effect.mjs";
import { Editor } from "./editor.mjs";
import { h, say, set } from "./dom.mjs";
import { examplesOf } from "./examples.mjs";
import { factsOf } from "./facts.mjs";
import { t } from "./language.mjs";
import { PreviewChoice } from "./preview_choice.mjs";
import { isVeiled } from "./settings.mjs";
import { groupsOf, has, put, randomTags, take } from "./words.mjs";

const LARGEST_TAG = 1.2; // em, of the most frequent

export class Details {
  /**
   * @param {{library: import("./library.mjs").Library, targets: import("./targets.mjs").Targets,
   *   load(id: string): Promise<any>, save(row, changes): Promise<any>}} page
   */
  constructor(page) {
    Object.assign(this, page, { row: null, found: null });
    this.title = h("h3", { class: "live-lora-details-title", tabIndex: -1 });
    const close = h("button", {
      type: "button",
      class: "live-lora-tool",
      "aria-label": t("details.close"),
      onClick: () => this.close(),
    });
    close.append("✕");
    this.body = h("div", { class: "live-lora-details-body" });
    this.element = h(
      "aside",
      { class: "live-lora-details", "aria-label": t("details.name"), hidden: true },
      h("div", { class: "live-lora-details-head" }, this.title, close),
      this.body,
    );
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.targets.watch(() => this.renderWords());
  }

  async show(row) {
    this.from = document.activeElement;
    this.row = row;
    this.element.hidden = false;
    say(this.title, row.name);
    this.body.replaceChildren(h("p", {}, t("details.loading")));
    this.title.focus({ preventScroll: true });
    await this.reload();
  }

  async reload() {
    const { row } = this;
    try {
      const found = await this.load(row.id);
      if (this.row === row) this.render(found);
    } catch (error) {
      this.body.replaceChildren(h("p", { role: "alert" }, error.message));
    }
  }

  /** Another version of the file is known: it is shown, unless somebody is writing. */
  refresh() {
    if (this.element.hidden || !this.found || this.shown === this.row.stamp) return;
    if (!this.row.what && !this.library.byId.has(this.row.id)) this.close();
    else if (!this.editor?.changed && !this.body.contains(document.activeElement)) this.reload();
  }

  close() {
    this.element.hidden = true;
    this.found = null;
    this.row = null;
    if (this.from?.isConnected) this.from.focus({ preventScroll: true });
  }

  key(event) {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    this.close();
  }

  render(found) {
    this.found = found;
    this.shown = this.row.stamp;
    this.editor = new Editor(found, (changes) => this.keep(changes));
    this.words = h("div", { class: "live-lora-bases", role: "group", "aria-label": t("details.words") });
    this.wordsPart = section(t("details.words"), this.words);
    const why = found.error ?? found.misfit;
    this.body.replaceChildren(
      ...[
        why && h("p", { class: "live-lora-why" }, why),
        ...this.picture(),
        this.wordsPart,
        this.cloud(found.training_tags),
        this.editor.element,
        found.description && section(t("details.description"), h("p", { class: "live-lora-text" }, plain(found.description))),
        found.examples?.length > 0 && this.examples(found.examples),
        section(t("details.file"), factsOf(found)),
        !this.row.what && section(t("effect.title"), effectOf(this.row.id, this.inPrompts())),
        this.metadata(found.metadata),
      ].filter(Boolean),
    );
    this.renderWords();
  }

  /** The LoRAs of the prompt that cards act on. */
  inPrompts() {
    const tags = this.targets.current?.tags ?? [];
    return tags.map((tag) => this.library.find(tag).row).filter(Boolean);
  }

  async keep(changes) {
    const found = await this.save(this.row, changes);
    if (!found) return null;
    this.found = this.editor.found = found;
    this.renderWords();
    return found;
  }

  /** The picture, large, and the button for another one. */
  picture() {
    const choice = new PreviewChoice(this.row.id, () => this.renew());
    const { found } = this;
    const image = found.video
      ? h("video", { src: videoAddress(found), class: "live-lora-large", controls: true, loop: true, playsinline: true })
      : found.preview && h("img", { src: previewAddress(found, true), alt: "", class: "live-lora-large" });
    if (!image) return [choice.listen(choice.element)];
    if (found.video) image.muted = true;
    image.addEventListener("error", () => image.remove());
    set(image, "data-veiled", isVeiled(found.preview_nsfw ?? found.nsfw));
    return [choice.listen(image), choice.element];
  }

  /** The cards show it, too. */
  async renew() {
    await this.library.freshen();
    await this.reload();
  }

  examples(examples) {
    const add = (box, text) => box && text && !has(box.text, text) && box.apply(put(box.text, text));
    const use = (prompt, negative) => {
      const { targets } = this;
      const box = targets.current;
      add(box, prompt);
      if (box && !box.negative) add(targets.negativeOf(box), negative);
    };
    return section(t("examples.name"), ...examplesOf(this.row.id, examples, use));
  }

  /** Which groups of words the prompt has; a click puts one in or takes it out. */
  renderWords() {
    if (!this.found || !this.words) return;
    const groups = groupsOf({ words: "", triggers: [], ...this.found });
    this.wordsPart.hidden = groups.length === 0;
    const text = this.targets.current?.text ?? "";
    const key = groups.map((group) => `${has(text, group)} ${group}`).join("\n");
    if (this.words.dataset.shown === key) return;
    this.words.dataset.shown = key;
    const focused = [...this.words.children].indexOf(document.activeElement);
    this.words.replaceChildren(...groups.map((group) => this.group(group, has(text, group))));
    this.words.children[focused]?.focus();
  }

  group(group, inside) {
    const flip = () => {
      const box = this.targets.current;
      const edit = box && (inside ? take(box.text, group) : put(box.text, group));
      if (edit) box.apply(edit);
    };
    return h(
      "button",
      { type: "button", class: "live-lora-chip", "aria-pressed": String(inside), onClick: flip },
      group,
    );
  }

  /** The captions' most frequent tags, the larger the more frequent. */
  cloud(tags) {
    if (!tags.length) return null;
    const most = Math.max(...tags.map(([, count]) => count));
    const shown = tags.map(([tag, count]) => {
      const chip = this.group(tag, false);
      chip.style.fontSize = `${0.8 + (LARGEST_TAG - 0.8) * (count / most) ** 0.5}em`;
      set(chip, "title", t("details.pictures", { count }));
      chip.removeAttribute("aria-pressed");
      return chip;
    });
    const any = () => {
      const box = this.targets.current;
      const words = randomTags(tags).join(", ");
      if (box && words) box.apply(put(box.text, words));
    };
    const button = h("button", { type: "button", class: "live-lora-button", onClick: any }, t("details.random"));
    const all = h("div", { class: "live-lora-cloud" }, ...shown);
    return section(t("details.tags"), all, button);
  }

  metadata(metadata) {
    const entries = Object.entries(metadata);
    if (!entries.length) return null;
    const list = h("dl", { class: "live-lora-facts" });
    for (const [name, value] of entries) list.append(h("dt", {}, name), h("dd", {}, value));
    return h("details", {}, h("summary", {}, t("details.metadata", { count: entries.length })), list);
  }
}

function section(title, ...content) {
  return h("section", {}, h("h4", {}, title), ...content);
}

/** What sites write is HTML: its text alone. */
function plain(html) {
  if (!/<[a-z]/i.test(html)) return html;
  const page = new DOMParser().parseFromString(html.replace(/<(?:br|\/p|\/li)[^>]*>/gi, "\n"), "text/html");
  return page.body.textContent.trim();
}
