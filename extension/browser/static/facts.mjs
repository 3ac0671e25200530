/** What is known of a file, as a list of terms. */

import { h } from "./dom.mjs";
import { current, t } from "./language.mjs";

/** @param {any} found as `GET file/{id}` gives it */
export function factsOf(found) {
  const { metadata, civitai, hashes } = found;
  const list = h("dl", { class: "live-lora-facts" });
  const tell = (term, value) => value && list.append(h("dt", {}, term), h("dd", {}, value));
  tell(t("facts.base"), found.base);
  tell(t("facts.type"), typeOf(found.algorithm, metadata));
  tell(t("facts.file"), found.relative);
  tell(t("facts.size"), t("facts.megabytes", { size: (found.size / 1e6).toFixed(1) }));
  tell(t("facts.date"), moment(found.mtime));
  tell(t("facts.used"), found.used && t("facts.used_last", { count: found.used, date: moment(found.last_used) }));
  tell(t("facts.alias"), found.alias);
  tell(t("facts.model"), [civitai.model, civitai.version].filter(Boolean).join(", "));
  tell(t("facts.page"), pageOf(civitai));
  tell(t("facts.creator"), civitai.creator);
  tell(t("facts.licence"), civitai.licence);
  tell(t("facts.tags"), civitai.tags?.join(", "));
  tell(t("facts.tensors"), hashes?.tensors.slice(0, 12));
  tell(t("facts.hash"), hashes?.file);
  for (const problem of found.problems) tell(t("facts.problem"), problem);
  return list;
}

function moment(seconds) {
  return new Date(seconds * 1000).toLocaleString(current());
}

function typeOf(algorithm, { ss_network_dim: rank, ss_network_alpha: alpha }) {
  const scale = alpha && String(Number(alpha) || alpha);
  const parts = [
    algorithm,
    rank && t("facts.rank", { rank }),
    scale && t("facts.alpha", { alpha: scale }),
  ];
  return parts.filter(Boolean).join(", ");
}

/** Its place on Civitai, for who wants to go there; numbers only, whatever a file says. */
function pageOf({ model_id: model, version_id: version }) {
  if (!Number.isSafeInteger(model) || model <= 0) return null;
  const at = Number.isSafeInteger(version) ? `?modelVersionId=${version}` : "";
  const href = `https://civitai.com/models/${model}${at}`;
  return h("a", { href, target: "_blank", rel: "noopener noreferrer" }, `civitai.com/models/${model}`);
}
