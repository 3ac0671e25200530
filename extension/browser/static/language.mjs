/**
 * What the page says, in the language of who reads: `languages/*.json`, a sentence to a key.
 *
 * `{name}` in a sentence is filled in. Where a number decides the form, there is one for each of the
 * language's own (Intl.PluralRules), chosen by `count`. What a language lacks is said in English.
 */

import { remembered } from "./settings.mjs";

/** Each by its own name. */
export const LANGUAGES = { en: "English", zh: "中文", ja: "日本語" };

const ENGLISH = "en";
const spoken = [];

/** Takes a language's sentences in, before those that are known. */
export function learn(language, sentences) {
  spoken.unshift({ language, sentences, rules: new Intl.PluralRules(language) });
}

/** The language that is spoken. */
export function current() {
  return spoken[0]?.language ?? ENGLISH;
}

/**
 * A sentence, or a name of one or two words.
 * @param {string} key as in `languages/en.json`
 * @param {Record<string, string | number>} [values] numbers are written as the language does
 */
export function t(key, values = {}) {
  const found = spoken.find(({ sentences }) => Object.hasOwn(sentences, key));
  if (!found) return key;
  const { sentences, language, rules } = found;
  const said = sentences[key];
  const form = typeof said === "string" ? said : (said[rules.select(values.count)] ?? said.other);
  return form.replace(/\{(\w+)\}/g, (hole, name) => {
    const value = values[name] ?? hole;
    return typeof value === "number" ? value.toLocaleString(language) : value;
  });
}

/** The first of `wanted` that the page can speak: `zh-CN`, `zh_TW` and `zh` are Chinese. */
export function pick(wanted) {
  const codes = wanted.map((one) => one?.toLowerCase().split(/[-_]/)[0]);
  return codes.find((code) => Object.hasOwn(LANGUAGES, code)) ?? ENGLISH;
}

/** Once, before anything is shown: chosen here, else by the program, else by the browser. */
async function begin() {
  const theirs = fetched("../interface");
  learn(ENGLISH, await fetched(`languages/${ENGLISH}.json`));
  const wanted = [remembered("language", ""), (await theirs).language, ...navigator.languages];
  const language = pick(wanted.filter(Boolean));
  if (language !== ENGLISH) learn(language, await fetched(`languages/${language}.json`));
}

/** {} where it cannot be had: the page works all the same. */
async function fetched(path) {
  try {
    const answer = await fetch(new URL(path, import.meta.url));
    return answer.ok ? await answer.json() : {};
  } catch {
    return {};
  }
}

if (globalThis.document) await begin();
