/** The few controls that several parts of the page are made of. */

import { h } from "./dom.mjs";
import { current } from "./language.mjs";

/** A button that filters, with the number of what it would leave. */
export function chip(label, count, pressed, pick, extra = {}) {
  return h(
    "button",
    {
      type: "button",
      class: "live-lora-chip",
      "aria-pressed": String(pressed),
      onClick: pick,
      ...extra,
    },
    `${label} `,
    h("small", {}, count.toLocaleString(current())),
  );
}

/** A select with a name that is read out. */
export function choice(label, changed) {
  return h("select", {
    class: "live-lora-select",
    "aria-label": label,
    title: label,
    onChange: changed,
  });
}

/** Replaces the options and keeps what was chosen, where it is still there. */
export function offerOptions(select, options) {
  const chosen = select.value;
  select.replaceChildren(...options.map(([value, text]) => h("option", { value }, text)));
  select.value = options.some(([value]) => value === chosen) ? chosen : (options[0]?.[0] ?? "");
}
