/** What LoRAs are of, as Civitai sorts them: kept in English, shown in the page's language. */

import { t } from "./language.mjs";

export const KINDS = {
  "": "kind.none",
  character: "kind.character",
  style: "kind.style",
  clothing: "kind.clothing",
  concept: "kind.concept",
  poses: "kind.poses",
  action: "kind.action",
  background: "kind.background",
  objects: "kind.objects",
  vehicle: "kind.vehicle",
  buildings: "kind.buildings",
  animal: "kind.animal",
  tool: "kind.tool",
  slider: "kind.slider",
  assets: "kind.assets",
  celebrity: "kind.celebrity",
};

/** A kind of somebody's own is shown as it is written. */
export function kindName(kind) {
  return Object.hasOwn(KINDS, kind) ? t(KINDS[kind]) : kind;
}
