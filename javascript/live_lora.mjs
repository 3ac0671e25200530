/**
 * The one module the webui loads: the page itself comes from our own route. Siblings in this folder
 * would be loaded twice (the host adds ?mtime) and kept by the browser after an update.
 */

const ENTRY = new URL("live-lora/static/main.mjs", document.baseURI).href;
const PAUSES = [0, 300, 1000, 3000, 10000]; // ms: the host serves the page before our routes

async function load() {
  let failure;
  for (const [attempt, pause] of PAUSES.entries()) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    try {
      return await import(attempt ? `${ENTRY}?attempt=${attempt}` : ENTRY);
    } catch (error) {
      failure = error; // a browser may remember the failure of this very address: ask for another
    }
  }
  return console.error("Live LoRA: the page's modules did not load from", ENTRY, failure);
}

load();
