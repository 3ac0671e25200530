/**
 * Moving the weights of a drawing that is under way: what a prompt says of its LoRAs, compared with
 * what it said when the drawing began, and sent where it differs. The page never waits for it.
 */

import { json, written } from "./api.mjs";
import { isOn, named, weights } from "./tags.mjs";

const REMEMBERED = "live-lora-moving";
const LOOK = 250; // ms between looks at which drawing this page has begun
const ASK = 4; // every so many looks the server is asked how far it is

/**
 * The UNet's weight of each tag, by its place among those of its name; null for a curve as written.
 * @param {import("./tags.mjs").Tag[]} tags
 * @returns {Map<string, {name: string, number: number, value: number | null}>}
 */
export function valuesOf(tags) {
  const found = new Map();
  const counts = {};
  for (const tag of tags) {
    const number = (counts[tag.name] = (counts[tag.name] ?? -1) + 1);
    found.set(keyOf(tag.name, number), { name: tag.name, number, value: valueOf(tag) });
  }
  return found;
}

export function keyOf(name, number) {
  return `${number} ${name}`;
}

function valueOf(tag) {
  if (!isOn(tag)) return 0;
  const weight = weights(tag).find(({ role }) => role !== "te");
  return weight && !named(tag, "sweep") ? weight.value : null;
}

/** What differs from `before`, as moves; tags that were not there cannot be moved. */
export function movesFrom(before, now, side) {
  const changed = [...now].filter(([key, { value }]) => {
    const old = before.get(key);
    return old !== undefined && old.value !== value;
  });
  return changed.map(([, move]) => ({ side, ...move }));
}

/** The drawing that this page has begun: the app says its name, the webui's page has made it up. */
export function jobOf(area) {
  const told = document.querySelector("[data-live-lora-job]")?.dataset.liveLoraJob;
  if (told) return told;
  const tab = /(txt2img|img2img)/.exec(area.closest('[id^="tab_"], [id*="2img_"]')?.id ?? "")?.[1];
  return (tab && localStorage.getItem(`${tab}_task_id`)) || "";
}

export function isSwitchedOn() {
  return localStorage.getItem(REMEMBERED) === "1";
}

/** One prompt's drawing. `changed` is called with the server's answer, or null without a drawing. */
export class Moving {
  /**
   * @param {import("./prompt_box.mjs").PromptBox} box
   * @param {(state: Record<string, any> | null, error?: string) => void} changed
   */
  constructor(box, changed) {
    Object.assign(this, { box, changed, on: false, job: "", looks: 0, timer: 0 });
    this.unwatch = box.watch(() => this.send());
  }

  get side() {
    return this.box.negative ? "uncond" : "cond";
  }

  turn(on) {
    this.on = on;
    localStorage.setItem(REMEMBERED, on ? "1" : "0");
    clearInterval(this.timer);
    this.timer = on ? setInterval(() => this.look(), LOOK) : 0;
    this.looks = 0;
    if (on) this.look();
    else this.changed(null);
  }

  end() {
    clearInterval(this.timer);
    this.unwatch();
  }

  look() {
    const job = jobOf(this.box.area);
    if (job !== this.job) this.begin(job);
    if (this.looks++ % ASK === 0 && this.box.visible) this.ask("moving", { job });
  }

  begin(job) {
    this.job = job;
    this.sent = valuesOf(this.box.tags);
    this.looks = 0;
  }

  /** After every change of the text: a slider let go, a switch, a number that was typed. */
  send() {
    if (!this.on || !this.job) return;
    const now = valuesOf(this.box.tags);
    const moves = movesFrom(this.sent, now, this.side);
    if (!moves.length) return;
    for (const [key, move] of now) if (this.sent.has(key)) this.sent.set(key, move);
    this.ask("moving/move", { job: this.job, moves });
  }

  ask(path, content) {
    json(path, written(content)).then(
      (state) => this.on && this.changed(state.drawing ? state : null),
      (error) => this.on && this.changed(null, error.message),
    );
  }
}
