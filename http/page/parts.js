// What works, what was started again, and what went wrong.

import { by_id, element } from "./dom.js";

const faults = ["read_errors", "write_errors", "copy_errors", "corrupt_chunks", "scrub_damaged_chunks", "failed_loads", "late_loads",
  "load_failures", "orders_failed", "store_failures", "turns_failed", "turns_refused", "dropped_chunks"];

const in_words = (name) => name.replaceAll("_", " ");

export function show_parts(state) {
  const supervisor = state.parts.supervisor ?? {};
  const rows = [];
  for (const [part, values] of Object.entries(state.parts)) {
    const up = supervisor[`${part}_up`], restarts = supervisor[`${part}_restarts`] ?? 0;
    const wrong = faults.filter((name) => values[name] > 0).map((name) => `${values[name].toLocaleString("en")} ${in_words(name)}`);
    if (restarts > 0) wrong.unshift(`started again ${restarts === 1 ? "once" : `${restarts} times`}`);
    rows.push(element("li", { className: up === 0 ? "down" : "up" }, element("span", { className: "light", title: up === 0 ? "down" : "up" }),
      element("span", { className: "name" }, part), element("span", { className: "note" }, up === 0 ? "down" : wrong.join(", "))));
    for (const note of values.notes ?? []) rows.push(element("li", { className: "bad" }, note));
  }
  by_id("parts").replaceChildren(element("ul", { className: "parts" }, ...rows));
}
