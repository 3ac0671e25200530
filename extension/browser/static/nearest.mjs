/**
 * Names that look like one that leads to no file: remembered, and looked for when typing rests.
 *
 * To compare a name with ten thousand others takes 50 ms. So nothing here happens in an input
 * handler: the names asked for wait until nobody typed for a while, then their answers are worked
 * out in slices short enough not to be felt.
 */

const REST = 350; // ms without another question
const SLICE = 6; // ms of work at a time

export class Nearest {
  /** @param {() => void} found called when more is known than before */
  constructor(found) {
    Object.assign(this, { found, known: new Map(), waiting: new Set(), names: null });
  }

  /** What is known of other names is no longer true. */
  forget(names) {
    this.names = names;
    this.known.clear();
    this.work = null;
  }

  /** @returns {string[] | null} null where it is not known yet */
  of(name) {
    const known = this.known.get(name);
    if (known) return known;
    this.waiting.add(name);
    this.wait();
    return null;
  }

  wait() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.slice(), REST);
  }

  /** Works for a moment, and goes on later with what is left. */
  slice() {
    const until = performance.now() + SLICE;
    while (performance.now() < until && (this.work ?? this.begin())) this.step();
    if (this.work || this.waiting.size) this.timer = setTimeout(() => this.slice(), 0);
    else this.found();
  }

  begin() {
    const [name] = this.waiting;
    if (name === undefined) return null;
    this.waiting.delete(name);
    this.work = { name, steps: this.names.suggesting(name) };
    return this.work;
  }

  step() {
    const { name, steps } = this.work;
    const { done, value } = steps.next();
    if (!done) return;
    this.known.set(name, value);
    this.work = null;
  }
}
