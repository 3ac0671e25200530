/** What the program said of a prompt stays with its tags while the text around them changes. */

import assert from "node:assert/strict";
import { test } from "node:test";

import "./english.mjs";
import { inUnits, Readings } from "../../extension/browser/static/reading.mjs";
import { scan } from "../../extension/browser/static/tags.mjs";

/** A prompt without a page. */
function boxOf(text) {
  const listeners = new Set();
  return {
    text,
    tags: scan(text),
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    write(next) {
      this.text = next;
      this.tags = scan(next);
      listeners.forEach((listener) => listener());
    },
  };
}

const problem = (tag, span, fix = null) => ({
  message: "wrong",
  severity: "error",
  code: "x",
  span,
  tag,
  fix,
});

async function read(text, answer) {
  const box = boxOf(text);
  const readings = new Readings(box, async () => answer);
  await readings.read();
  return { box, readings };
}

test("characters become UTF-16 units", () => {
  const answer = {
    tags: [{ span: [2, 12], arguments: [] }],
    problems: [problem([2, 12], [5, 7], { span: [5, 7], text: "0.4" })],
  };
  const { tags, problems } = inUnits(answer, "🦊 <lora:🦊:1>");
  assert.deepEqual([tags[0].start, tags[0].end], [3, 14]);
  assert.deepEqual([problems[0].start, problems[0].fix.start], [6, 6]);
});

test("a tag's problems are its own, wherever it stands", async () => {
  const text = "a <lora:x:stop=40%>";
  const fix = { span: [15, 18], text: "0.4" };
  const { box, readings } = await read(text, {
    tags: [],
    problems: [problem([2, 19], [15, 18], fix)],
  });
  box.write("🦊🦊 a <lora:x:stop=40%>");
  const [found] = readings.of("<lora:x:stop=40%>").problems;
  assert.deepEqual(found.fix, { start: 13, end: 16, text: "0.4" });
  assert.deepEqual(readings.of("<lora:x:stop=41%>").problems, []);
  assert.deepEqual(readings.faults(), []);
});

test("what is no tag is found again behind and before a change, and marked while it changes", async () => {
  const text = "a <lora:x:0.5 b";
  const fix = { span: [13, 13], text: ">" };
  const { box, readings } = await read(text, {
    tags: [],
    problems: [problem([2, 13], [2, 15], fix)],
  });
  const places = () => readings.faults().map(({ tag, stale }) => [tag.start, tag.end, stale]);
  assert.deepEqual(places(), [[2, 13, false]]);
  box.write("more a <lora:x:0.5 b");
  assert.deepEqual(places(), [[7, 18, false]]);
  assert.deepEqual(readings.faults()[0].fix, { start: 18, end: 18, text: ">" });
  box.write("a <lora:x:0.75 b");
  assert.equal(places()[0][2], true);
});

test("an answer about another text is dropped", async () => {
  const box = boxOf("<lora:x:a>");
  let answer;
  const readings = new Readings(box, () => new Promise((done) => (answer = done)));
  const asked = readings.read();
  box.write("<lora:x:b>");
  answer({ tags: [], problems: [problem([0, 10], [8, 9])] });
  await asked;
  assert.deepEqual(readings.of("<lora:x:a>").problems, []);
});

test("no server is no news", async () => {
  const readings = new Readings(boxOf("<lora:x>"), () => Promise.reject(new Error("gone")));
  await readings.read();
  assert.deepEqual(readings.faults(), []);
});
