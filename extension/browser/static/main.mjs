/** Starts the page: one library, the prompts wherever they appear, rows under them, and the tab. */

import { fetchLanguage } from "./api.mjs";
import { arrange } from "./comments.mjs";
import { Completion } from "./complete.mjs";
import { h } from "./dom.mjs";
import { showMaps } from "./heatmap.mjs";
import { takeDrops } from "./drops.mjs";
import { Drawer } from "./drawer.mjs";
import { listen } from "./keys.mjs";
import { Library } from "./library.mjs";
import { ActivePanel } from "./panel.mjs";
import { Tab } from "./tab.mjs";
import { Targets } from "./targets.mjs";
import { tools } from "./tools.mjs";

const STYLES = ["page", "folders", "cards", "details", "rows", "editors", "drawer", "map", "narrow"];
const MOST_IN_SIGHT = 100;
const PAUSE = 40; // ms between the page's changes and our look at them

/** Once per page, however often this file is loaded. */
globalThis.liveLora ??= start();

function start() {
  const library = new Library();
  const attached = new Map(); // prompt -> what ends all that hangs on it
  const targets = new Targets(
    (box, block) => attached.set(box, attach(box, block, library, () => drawer)),
    (box) => attached.get(box)(),
  );
  const tab = new Tab(library, targets);
  takeDrops(tab);
  const drawer = new Drawer(tab, targets);
  listen(targets);
  const look = () => {
    targets.look();
    drawer.settle();
    arrange();
    showMaps(targets);
  };
  look();
  observe(look);
  // Cards are measured: styled ones.
  Promise.all(STYLES.map((name) => addStyle(`${name}.css`))).then(() => library.load());
  library.inSight = () => inSight(tab, targets, library);
  tab.element.insertBefore(tools(library, targets, () => tab.shelf.without(tab.grid.items), (ids) => tab.toolbar.only(ids)), tab.note);
  library.keepFresh();
  globalThis.onOptionsChanged?.(() => library.freshen()); // the webui's: perhaps the checkpoint
  return { library, targets, tab, drawer };
}

/** What hangs on one prompt: its rows, and the button of the drawer. */
function attach(box, block, library, drawerOf) {
  const panel = new ActivePanel(box, library);
  place(drawerOf().attach(box), block);
  place(panel.element, block);
  const completion = new Completion(box, library, () => fetchLanguage().then((l) => l.presets));
  return () => {
    panel.end();
    completion.end();
    drawerOf().detach(box);
  };
}

/** The ids of the files that somebody sees: cards on the screen, and names in prompts. */
function inSight(tab, targets, library) {
  const named = targets.boxes.flatMap(({ tags }) =>
    tags.map((tag) => library.find(tag).row?.id),
  );
  const ids = [...named, ...tab.visibleIds()].filter(Boolean);
  return [...new Set(ids)].slice(0, MOST_IN_SIGHT);
}

/** Resolves when the style sheet is there, or is known not to come. */
function addStyle(name) {
  const { href } = new URL(name, import.meta.url);
  return new Promise((done) => {
    document.head.append(h("link", { rel: "stylesheet", href, onLoad: done, onError: done }));
  });
}

/**
 * Under the prompt: in the webui at the end of its row, a flex container in which the panel takes
 * a line of its own; elsewhere inside the prompt's own block.
 */
function place(element, block) {
  if (element) (block.closest(".prompt-row") ?? block).append(element);
}

/** Calls back after changes of the page that are not our own. */
function observe(look) {
  let timer = 0;
  const observer = new MutationObserver((records) => {
    if (timer || records.every(({ target }) => target.closest?.(".live-lora"))) return;
    timer = setTimeout(() => {
      timer = 0;
      look();
    }, PAUSE);
  });
  observer.observe(document.body, { childList: true, subtree: true });
}
