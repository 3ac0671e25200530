/** What is known of a file, as a list of terms. */

import { h } from "./dom.mjs";

/** @param {any} found as `GET file/{id}` gives it */
export function factsOf(found) {
  const { metadata, civitai, hashes } = found;
  const list = h("dl", { class: "live-lora-facts" });
  const tell = (term, value) => value && list.append(h("dt", {}, term), h("dd", {}, value));
  tell("Base model", found.base);
  tell("Type", typeOf(found.algorithm, metadata));
  tell("File", found.relative);
  tell("Size", `${(found.size / 1e6).toFixed(1)} MB`);
  tell("Date", new Date(found.mtime * 1000).toLocaleString());
  tell("Also called", found.alias);
  tell("Model", [civitai.model, civitai.version].filter(Boolean).join(", "));
  tell("By", civitai.creator);
  tell("Licence", civitai.licence);
  tell("Tags", civitai.tags?.join(", "));
  tell("AutoV3", hashes?.tensors.slice(0, 12));
  tell("SHA256", hashes?.file);
  for (const problem of found.problems) tell("Problem", problem);
  return list;
}

function typeOf(algorithm, { ss_network_dim: rank, ss_network_alpha: alpha }) {
  const parts = [algorithm, rank && `rank ${rank}`, alpha && `alpha ${Number(alpha) || alpha}`];
  return parts.filter(Boolean).join(", ");
}
