/** The page's few own habits (order, trigger words), kept in this browser. */

const PREFIX = "live-lora.";

/** A habit, or `otherwise` where there is none or the browser keeps nothing. */
export function remembered(key, otherwise) {
  try {
    return localStorage.getItem(PREFIX + key) ?? otherwise;
  } catch {
    return otherwise; // storage is forbidden in this browser: habits last as long as the page
  }
}

remembered.keep = (key, value) => {
  try {
    localStorage.setItem(PREFIX + key, value);
  } catch {
    // as above
  }
};

/** Whether a click on a card brings the LoRA's trigger words along, and takes them out again. */
export function addsWords() {
  return remembered("words", "yes") === "yes";
}

/** Of a site, the mildest first; "" is a picture that none has looked at. */
export const LEVELS = ["", "PG", "PG-13", "R", "X", "XXX"];

/** Whether a picture of this level is blurred until somebody points at it. */
export function isVeiled(level) {
  return LEVELS.indexOf(level) > LEVELS.indexOf(remembered("nsfw", "R"));
}
