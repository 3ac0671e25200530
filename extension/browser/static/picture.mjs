/** A LoRA's picture or video, or its initials where there is none. */

import { previewAddress, videoAddress } from "./api.mjs";
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
  const shown = row && (row.video ? video(row) : row.preview ? image(row) : null);
  if (!shown) return frame;
  frame.append(shown);
  if (!isVeiled(row.shownLevel)) return frame;
  set(frame, "data-veiled", true);
  frame.append(h("span", { class: "live-lora-level", "aria-hidden": "true" }, row.shownLevel));
  return frame;
}

function image(row) {
  const image = h("img", {
    src: previewAddress(row),
    alt: "",
    decoding: "async",
    draggable: "false",
  });
  image.addEventListener("error", () => drop(image));
  return image;
}

/** Without a sound, and still until somebody points at it (`moveWhilePointedAt`). */
function video(row) {
  const video = h("video", {
    src: videoAddress(row),
    poster: row.preview ? previewAddress(row) : null,
    preload: row.preview ? "none" : "metadata",
    loop: true,
    playsinline: true,
    tabIndex: -1,
    "aria-hidden": "true",
  });
  video.muted = true;
  // What this browser cannot play is the picture, if there is one.
  video.addEventListener("error", () => (row.preview ? video.replaceWith(image(row)) : drop(video)));
  return video;
}

/** What cannot be shown needs no veil either. */
function drop(element) {
  element.parentElement?.querySelector(".live-lora-level")?.remove();
  element.remove();
}

/** The videos in an element play while it is pointed at or has the focus. */
export function moveWhilePointedAt(element) {
  const videos = [...element.querySelectorAll("video")];
  const play = () => videos.forEach((one) => one.play().catch(() => {})); // refused: it stays still
  const stop = () => element.matches(":hover, :focus-within") || videos.forEach((one) => one.pause());
  if (!videos.length) return;
  for (const kind of ["pointerenter", "focusin"]) element.addEventListener(kind, play);
  for (const kind of ["pointerleave", "focusout"])
    element.addEventListener(kind, () => setTimeout(stop, 0));
}

function initials(name) {
  const words = name.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  const letters = words.slice(0, 2).map((word) => [...word][0]);
  return letters.join("").toUpperCase() || "?";
}
