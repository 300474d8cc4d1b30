// Time to the first token with reuse, against what computing every prompt anew would have cost.

import { by_id, drawing, duration, element } from "./dom.js";

const kept = 120;  // samples: two minutes
const size = { width: 600, height: 90 };
const samples = [];  // of intervals in which turns ended: {reused_ms, anew_ms}

function means(now, then) {
  const turns = now.turns_done - (then?.turns_done ?? 0);
  if (turns <= 0) return null;
  const mean = (name) => (now[name] - (then?.[name] ?? 0)) / turns / 1000;
  return { reused_ms: mean("first_tokens_us"), anew_ms: mean("recomputing_us") };
}

function line(values, top, kind) {
  const step = size.width / (kept - 1), first = kept - values.length;  // the newest is at the right
  const points = values.map((v, i) => `${((first + i) * step).toFixed(1)},${(size.height - (v / top) * (size.height - 6)).toFixed(1)}`);
  return drawing("polyline", { points: points.join(" "), class: kind });
}

export function show_first_token(state, before) {
  const scheduler = state.parts.scheduler;
  if (!scheduler) return;
  const sample = before?.parts.scheduler && means(scheduler, before.parts.scheduler);
  if (sample) samples.push(sample);
  if (samples.length > kept) samples.shift();
  const all = means(scheduler, null);
  if (!all) return by_id("first-token").replaceChildren(element("p", { className: "note" }, "No turn was answered yet."));
  const saved = all.anew_ms > 0 ? Math.round(100 * (1 - all.reused_ms / all.anew_ms)) : 0;
  const words = element("p", {}, element("b", { className: "reused" }, duration(all.reused_ms)), " on average; computing every prompt anew ",
    element("b", { className: "anew" }, duration(all.anew_ms)), saved > 0 ? ` (−${saved} %)` : "");
  const top = Math.max(1, ...samples.map((s) => Math.max(s.reused_ms, s.anew_ms)));
  const picture = drawing("svg", { viewBox: `0 0 ${size.width} ${size.height}`, class: "curve", role: "img" },
    drawing("title", {}, "Time to the first token in the last minutes"),
    line(samples.map((s) => s.anew_ms), top, "anew"), line(samples.map((s) => s.reused_ms), top, "reused"),
    drawing("text", { x: 4, y: 12, class: "note" }, `up to ${duration(top)}`));
  by_id("first-token").replaceChildren(words, ...(samples.length > 1 ? [picture] : []));
}
