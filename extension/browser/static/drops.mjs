/** Files dropped on the library: a picture on a card becomes its preview, a LoRA is stored. */

import { keepPreview, sendLora } from "./api.mjs";
import { set } from "./dom.mjs";
import { t } from "./language.mjs";

const PICTURES = ["image/png", "image/jpeg", "image/webp", "image/gif", "image/avif", "video/mp4", "video/webm"];
const LORA = /\.safetensors$/i;

/** Listens to what is dropped on the tab. @param {import("./tab.mjs").Tab} tab */
export function takeDrops(tab) {
  const { element } = tab;
  let marked = null;
  const mark = (card) => {
    if (marked !== card) set(marked ?? element, "data-drop", false);
    marked = card;
    if (card) set(card, "data-drop", true);
  };
  element.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    mark(event.target.closest(".live-lora-card"));
  });
  element.addEventListener("dragleave", (event) => {
    if (!element.contains(event.relatedTarget)) mark(null);
  });
  element.addEventListener("drop", (event) => {
    mark(null);
    if (event.defaultPrevented) return; // on the large picture in the details: preview_choice.mjs
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.stopPropagation(); // the webui would read the picture's prompt
    take(tab, [...event.dataTransfer.files], rowAt(tab, event.target));
  });
}

/** The file whose card or details this is. */
function rowAt(tab, target) {
  if (tab.details.element.contains(target)) return tab.details.row;
  return tab.grid.visible.find(({ element }) => element.contains(target))?.row ?? null;
}

async function take(tab, files, row) {
  for (const file of files) {
    if (LORA.test(file.name)) await store(tab, file);
    else if (!PICTURES.includes(file.type)) tab.say(t("drops.neither", { name: file.name }));
    else if (!row) tab.say(t("drops.no_card"));
    else await usePicture(tab, row, file);
  }
}

/** Stores a LoRA in the folder that is shown. */
async function store(tab, file) {
  tab.say(t("drops.sending", { name: file.name }));
  try {
    const { name } = await sendLora(file, tab.toolbar.query.folder, tab.library.place(tab.toolbar.query.root));
    await tab.library.freshen();
    tab.say(t("drops.stored", { name }));
  } catch (error) {
    tab.say(error.message);
  }
}

/** Makes a picture the preview of a file. */
async function usePicture(tab, row, file) {
  try {
    await keepPreview(row.id, file);
    await tab.library.freshen();
    if (tab.details.row === row) await tab.details.reload();
  } catch (error) {
    tab.say(error.message);
  }
}
