/** Civitai, asked when a button is pressed: about files, for newer versions, for a file. */

import { json, written } from "./api.mjs";
import { h, say } from "./dom.mjs";
import { t } from "./language.mjs";

const PAUSE = 500; // ms between looks at how far it is
const MOST_PROBLEMS = 5;
const FAILED = {
  lookup: "civitai.failed_lookup",
  updates: "civitai.failed_updates",
  download: "civitai.failed_download",
};
const VERSION = /(?:modelVersionId=|\/api\/download\/models\/|^\s*)(\d{1,15})(?!\d)/;

export class CivitaiPanel {
  /**
   * @param {() => {id: string}[]} shown the files that the tab shows
   * @param {() => void} changed the library has changed
   */
  constructor(shown, changed) {
    Object.assign(this, { shown, changed, timer: 0 });
    this.site = h("p", { class: "live-lora-dim" });
    this.status = h("div", { role: "status", class: "live-lora-errand" });
    this.bar = h("progress", { hidden: true, "aria-label": t("civitai.progress") });
    this.stop = this.button(t("civitai.stop"), () => this.post("errand/stop", {}));
    this.version = h("input", { type: "text", class: "live-lora-search" });
    this.folder = h("input", { type: "text", class: "live-lora-search" });
    this.asking = [
      this.button(t("civitai.lookup"), () => this.ask("lookup")),
      this.button(t("civitai.updates"), () => this.ask("updates")),
      this.button(t("civitai.download"), () => this.download()),
    ];
    const name = t("civitai.name");
    this.element = h("section", { "aria-label": name }, h("h3", {}, name), this.site);
    this.element.append(this.lines(), this.bar, this.status);
    this.show({ running: false });
  }

  lines() {
    const [lookup, updates, download] = this.asking;
    return h(
      "div",
      { class: "live-lora-line" },
      lookup,
      updates,
      this.stop,
      h("label", {}, t("civitai.version"), " ", this.version),
      h("label", {}, t("civitai.folder"), " ", this.folder),
      download,
    );
  }

  button(label, onClick) {
    return h("button", { type: "button", class: "live-lora-button", onClick }, label);
  }

  /** Opened: which site it would be, and whether something is under way. */
  async refresh() {
    try {
      const { host, offline, key, closed, error } = await json("civitai");
      const off = closed ?? error ?? (offline ? t("civitai.offline") : null);
      const asked = key ? t("civitai.with_key", { host }) : t("civitai.without_key", { host });
      say(this.site, off ?? asked);
      for (const button of this.asking) button.disabled = off !== null;
      this.follow(await json("errand"));
    } catch (error) {
      say(this.site, error.message);
    }
  }

  ask(what) {
    return this.post(`civitai/${what}`, { ids: this.shown().map(({ id }) => id) });
  }

  download() {
    const version = Number(VERSION.exec(this.version.value)?.[1]);
    if (!version) return say(this.status, t("civitai.which"));
    return this.post("civitai/download", { version, folder: this.folder.value.trim() });
  }

  async post(path, content) {
    try {
      this.follow(await json(path, written(content)));
    } catch (error) {
      say(this.status, error.message);
    }
  }

  /** Looks again while it runs; then the library has something new. */
  follow(state) {
    clearTimeout(this.timer);
    const ended = this.running && !state.running;
    this.running = state.running;
    this.show(state);
    if (ended) this.changed();
    if (state.running) this.timer = setTimeout(() => this.look(), PAUSE);
  }

  async look() {
    try {
      this.follow(await json("errand"));
    } catch (error) {
      say(this.status, error.message);
      this.timer = setTimeout(() => this.look(), 4 * PAUSE);
    }
  }

  show(state) {
    this.stop.hidden = !state.running;
    this.bar.hidden = !state.running;
    this.bar.max = state.total || 1;
    this.bar.value = state.done ?? 0;
    this.status.replaceChildren(...sentences(state).map((one) => h("div", {}, one)));
  }
}

/** @returns {string[]} what is under way, or what came of it */
export function sentences(state) {
  if (state.running) return [running(state)];
  if (state.error) return [t(FAILED[state.kind], { error: state.error })];
  const { result, kind } = state;
  if (!result) return [];
  if (kind === "download") return [t("civitai.downloaded")];
  if (kind === "updates") return newer(result.newer);
  const problems = result.problems.slice(0, MOST_PROBLEMS);
  const more = result.problems.length - problems.length;
  return [
    t("civitai.known", { found: result.found, count: result.total, missing: result.missing }),
    ...(result.ended ? [result.ended] : []),
    ...problems,
    ...(more > 0 ? [t("civitai.more", { count: more })] : []),
  ];
}

function running({ kind, done = 0, total = 0, now = "", name = "" }) {
  if (kind !== "download") return t("civitai.asked", { done, total, name: now }).trim();
  const [got, all] = [done, total].map((bytes) => Math.round(bytes / 1e6));
  return t("civitai.got", { name, done: got, total: all });
}

function newer(found) {
  const versions = Object.values(found);
  if (versions.length === 0) return [t("civitai.no_newer")];
  return versions.map(({ name, date, id }) =>
    t("civitai.newer", { name, date: date.slice(0, 10), id: String(id) }),
  );
}
