/** A LoRA's picture, or its initials where there is none. */

import { previewAddress } from "./api.mjs";
import { h, set } from "./dom.mjs";
import { isVeiled } from "./settings.mjs";

/**
 * @param {string} name
 * @param {import("./query.mjs").Row | undefined} row none for a name that leads to no file
 */
export function picture(name, row) {
  const frame = h(
    "span",
    { class: "live-lora-picture" },
    h("span", { "aria-hidden": "true" }, initials(name)),
  );
  if (!row?.preview) return frame;
  const image = h("img", {
    src: previewAddress(row),
    alt: "",
    decoding: "async",
    draggable: "false",
  });
  image.addEventListener("error", () => image.remove());
  frame.append(image);
  if (!isVeiled(row.nsfw)) return frame;
  set(frame, "data-veiled", true);
  frame.append(h("span", { class: "live-lora-level", "aria-hidden": "true" }, row.nsfw));
  return frame;
}

function initials(name) {
  const words = name.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  const letters = words.slice(0, 2).map((word) => [...word][0]);
  return letters.join("").toUpperCase() || "?";
}
