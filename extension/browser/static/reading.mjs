/**
 * What the program itself makes of a prompt: asked when typing rests, and kept tag by tag, so that
 * what was said of a tag stands until the tag itself is changed.
 *
 * @typedef {{means: string | null, words: string, blocks?: object | null}} ReadArgument
 * @typedef {{message: string, severity: "error" | "warning", code: string, start: number,
 *   end: number, fix: import("./edits.mjs").Edit | null}} Problem
 * @typedef {{arguments: ReadArgument[] | null, problems: Problem[]}} TagReading
 *   its spans count from the tag's beginning
 */

import { explain } from "./api.mjs";

const REST = 350; // ms without a change
const KEPT = new WeakMap(); // one per prompt, whoever shows it
const NOTHING = { arguments: null, problems: [] };

export class Readings {
  constructor(box, ask = explain) {
    Object.assign(this, { box, ask });
    this.listeners = new Set();
    this.take("", { tags: [], problems: [] });
    box.watch(() => this.later());
  }

  watch(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** @param {import("./prompt_box.mjs").PromptBox} box */
  static for(box) {
    if (!KEPT.has(box)) KEPT.set(box, new Readings(box));
    return KEPT.get(box);
  }

  later() {
    clearTimeout(this.timer);
    if (mayHoldTags(this.box.text)) this.timer = setTimeout(() => this.read(), REST);
    else this.take(this.box.text, { tags: [], problems: [] });
  }

  /** An answer about a text that is no longer there is dropped; without one, nothing is said. */
  async read() {
    const { text } = this.box;
    const answer = await this.ask(text, this.box.negative).catch(() => null);
    if (!answer || text !== this.box.text) return;
    this.take(text, inUnits(answer, text));
    for (const listener of this.listeners) listener(this);
  }

  take(text, { tags, problems }) {
    this.text = text;
    this.problems = problems;
    this.bySource = new Map();
    for (const { tag } of problems) this.entry(text.slice(tag.start, tag.end)).problems = [];
    for (const tag of tags) this.entry(text.slice(tag.start, tag.end)).arguments = tag.arguments;
    for (const problem of problems) {
      const { problems: found } = this.entry(text.slice(problem.tag.start, problem.tag.end));
      const own = relative(problem);
      if (!found.some((one) => JSON.stringify(one) === JSON.stringify(own))) found.push(own);
    }
  }

  entry(source) {
    if (!this.bySource.has(source)) this.bySource.set(source, { arguments: null, problems: [] });
    return this.bySource.get(source);
  }

  /** What was said of a tag with this text. @returns {TagReading} */
  of(source) {
    return this.bySource.get(source) ?? NOTHING;
  }

  /**
   * What looks like a tag and is none, where it stands now; `stale` while it is being written.
   * @returns {(Problem & {tag: {start: number, end: number}, stale: boolean})[]}
   */
  faults() {
    const places = new Set(this.box.tags.map(({ start, end }) => `${start}-${end}`));
    const { text } = this.box;
    const moved = movesWith(this.text, text);
    return this.problems
      .filter(({ severity }) => severity === "error")
      .map((problem) => ({ ...moved(problem), source: this.text.slice(...span(problem.tag)) }))
      .filter(({ tag }) => !places.has(`${tag.start}-${tag.end}`));
  }
}

/** No question where nothing in a text can be a tag. */
export function mayHoldTags(text) {
  return /<(?:lora|lyco|loractl):/i.test(text);
}

/** An answer's characters as the page counts them: UTF-16 units. */
export function inUnits({ tags, problems }, text) {
  const unit = unitsOf(text);
  const place = ([start, end]) => ({ start: unit(start), end: unit(end) });
  return {
    tags: tags.map((tag) => ({ ...place(tag.span), arguments: tag.arguments })),
    problems: problems.map(({ span: at, tag, fix, ...problem }) => ({
      ...problem,
      ...place(at),
      tag: place(tag),
      fix: fix && { ...place(fix.span), text: fix.text },
    })),
  };
}

/** From the place of a character to that of its first unit. */
function unitsOf(text) {
  const astral = [];
  let place = 0;
  for (const sign of text) {
    if (sign.length === 2) astral.push(place);
    place += 1;
  }
  return (at) => at + astral.filter((before) => before < at).length;
}

/** The problem counted from its tag. */
function relative({ tag, fix, ...problem }) {
  const by = -tag.start;
  return { ...shifted(problem, by), fix: fix && shifted(fix, by) };
}

/** An edit or a span, counted from elsewhere. */
export function shifted(edit, by) {
  return { ...edit, start: edit.start + by, end: edit.end + by };
}

/** Where spans of one text are in another one, of which the middle is different. */
function movesWith(before, after) {
  const most = Math.min(before.length, after.length);
  let head = 0;
  while (head < most && before[head] === after[head]) head += 1;
  let tail = 0;
  while (tail < most - head && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  const by = after.length - before.length;
  return (problem) => {
    const { tag, fix } = problem;
    if (tag.end <= head && (!fix || fix.end <= head)) return { ...problem, stale: false };
    if (tag.start < before.length - tail) return { ...problem, stale: before !== after };
    const all = { ...shifted(problem, by), tag: shifted(tag, by), fix: fix && shifted(fix, by) };
    return { ...all, stale: false };
  };
}

function span({ start, end }) {
  return [start, end];
}
