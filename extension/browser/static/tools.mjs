/** The part of the tab that is opened seldom: Civitai, sets, work on many files. */

import { CivitaiPanel } from "./civitai_panel.mjs";
import { h } from "./dom.mjs";
import { FilesPanel } from "./files_panel.mjs";
import { GroupsPanel } from "./groups_panel.mjs";
import { t } from "./language.mjs";
import { languageChoice } from "./language_choice.mjs";
import { SetsPanel } from "./sets_panel.mjs";

/**
 * A fold that asks the server nothing before it is opened.
 * @param {import("./library.mjs").Library} library
 * @param {import("./targets.mjs").Targets} targets
 * @param {() => {id: string, name: string}[]} shown the files that the tab shows
 * @param {(ids: string[]) => void} only has the tab show these
 */
export function tools(library, targets, shown, only) {
  const changed = () => library.refresh();
  const files = new FilesPanel(shown, changed);
  const groups = new GroupsPanel(library, only);
  const panels = [new CivitaiPanel(shown, changed), new SetsPanel(targets), files, groups];
  const element = h(
    "details",
    { class: "live-lora-desk" },
    h("summary", {}, t("tools.summary")),
    ...panels.map((panel) => panel.element),
    languageChoice(),
  );
  element.addEventListener("toggle", () => {
    if (element.open) for (const panel of panels) panel.refresh();
  });
  for (const event of ["focusin", "pointerenter"])
    element.addEventListener(event, () => element.open && files.showCount());
  const { href } = new URL("tools.css", import.meta.url);
  document.head.append(h("link", { rel: "stylesheet", href }));
  return element;
}
