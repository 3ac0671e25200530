/** The page's words for tests under node, where nobody serves them: as a browser in English has. */

import { readFileSync } from "node:fs";

import { learn } from "../../extension/browser/static/language.mjs";

const ENGLISH = new URL("../../extension/browser/static/languages/en.json", import.meta.url);

learn("en", JSON.parse(readFileSync(ENGLISH, "utf8")));
