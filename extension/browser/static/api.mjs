/** The server's side of the page: JSON by ids, addresses relative to this very file. */

import { t } from "./language.mjs";

const ROOT = new URL("../", import.meta.url);

let language = null;

/** An address under `live-lora/`, wherever the host has put it. */
export function address(path) {
  return new URL(path, ROOT).href;
}

/**
 * The whole index, or what changed since an answer before.
 * @param {string} [since] @param {string[]} [look] ids of files in sight
 * @throws {Error} with a sentence for the user
 */
export function fetchLibrary(since, look = []) {
  return json(`library?${new URLSearchParams({ ...(since && { since }), look: look.join(",") })}`);
}

/** The same after the server has looked at its folders again. */
export function refreshLibrary(since = "") {
  return json(`refresh?${new URLSearchParams({ since })}`, written({}));
}

/** The ids of files that have every word of a text, also in their notes and training tags. */
export function fetchFound(text) {
  return json(`search?${new URLSearchParams({ text })}`);
}

/** Everything about one file. */
export function fetchDetails(id) {
  return json(`file/${encodeURIComponent(id)}`);
}

/** The file's hash, computed now where it is not known. */
export function fetchHash(id) {
  return json(`file/${encodeURIComponent(id)}/hash`, written({}));
}

/** Writes fields of the sidecar; the file's new details. */
export function saveDetails(id, changes) {
  return json(`file/${encodeURIComponent(id)}`, written(changes));
}

/** A request that writes: JSON, which no other site can send. */
export function written(content, method = "POST") {
  return {
    method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(content),
  };
}

/** Makes a picture the file's preview; the file's new details. @param {Blob} picture */
export function keepPreview(id, picture) {
  return json(`file/${encodeURIComponent(id)}/preview`, sent(picture, picture.type));
}

/**
 * Stores a LoRA; its name there.
 * @param {File} file @param {string} folder @param {number} library which of the library's folders
 */
export function sendLora(file, folder, library) {
  const place = new URLSearchParams({ name: file.name, folder, library: String(library) });
  return json(`upload?${place}`, sent(file, "application/x-safetensors"));
}

function sent(body, kind) {
  return { method: "POST", headers: { "Content-Type": kind }, body };
}

/** What the program makes of one prompt. */
export async function explain(text, negative) {
  const answer = await json("explain", written({ prompts: [{ text, negative }] }));
  return answer.prompts[0];
}

/** The words that editors offer: blocks, elements, presets, easings. Asked once. */
export function fetchLanguage() {
  language ??= json("language").catch((error) => {
    language = null;
    throw error;
  });
  return language;
}

/** A picture's address; its version makes a new picture a new address. */
export function previewAddress({ id, preview }, full = false) {
  const query = `v=${encodeURIComponent(preview)}${full ? "&full=1" : ""}`;
  return address(`preview/${encodeURIComponent(id)}?${query}`);
}

/** The address of the video beside a file. */
export function videoAddress({ id, video }) {
  return address(`video/${encodeURIComponent(id)}?v=${encodeURIComponent(video)}`);
}

/** The address of an example picture that is here. */
export function exampleAddress(id, number) {
  return address(`example/${encodeURIComponent(id)}/${number}`);
}

/** A request's JSON. @throws {Error} with a sentence for the user */
export async function json(path, options) {
  const answer = await fetch(address(path), options).catch((cause) => {
    throw new Error(t("server.silent"), { cause });
  });
  if (!answer.ok) throw new Error(await reason(answer));
  return answer.json();
}

async function reason(answer) {
  if (answer.status === 401) return t("server.logged_out");
  const detail = await answer.json().then(
    (body) => body.detail,
    () => null,
  );
  if (typeof detail === "string") return detail;
  return t("server.status", { status: String(answer.status), words: answer.statusText });
}
