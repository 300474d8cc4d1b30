// Turns that run and turns that wait, in their order, with the end of the look-ahead window.

import { by_id, count, duration, element } from "./dom.js";

const shown = 24;

function row(turn) {
  const name = turn.conversation || "a plain prompt";
  const done = turn.window_tokens > 0 ? turn.computed_tokens / turn.window_tokens : 0;
  const progress = element("progress", { max: 1, value: done, title: `${turn.computed_tokens} of ${turn.window_tokens} tokens are in place` });
  const detail = turn.phase === "waiting" ? `expects ${count(turn.expected_chunks, "chunk")} in the cache`
    : turn.phase === "decode" ? `${turn.answer_tokens} tokens answered` : `${turn.computed_tokens} of ${turn.window_tokens} tokens`;
  return element("li", { className: turn.phase }, element("span", { className: "chip" }, turn.phase),
    element("span", { className: "name", title: `${turn.tenant}: ${name}` }, name), progress,
    element("span", { className: "note" }, `${detail}, ${duration(turn.since_us / 1000)}`));
}

/** How many of the waiting turns are looked ahead for: as many as the host tier has room for ahead of need. */
function ahead(waiting, window_chunks) {
  let chunks = 0, turns = 0;
  for (; turns < waiting.length && chunks < window_chunks; ++turns) chunks += waiting[turns].expected_chunks;
  return turns;
}

export function show_turns(state) {
  const running = state.turns.filter((t) => t.phase !== "waiting"), waiting = state.turns.filter((t) => t.phase === "waiting");
  const scheduler = state.parts.scheduler ?? {}, prefetcher = state.parts.prefetcher ?? {};
  const list = element("ol", { className: "turns" }, ...running.slice(0, shown).map(row));
  const looked = ahead(waiting, prefetcher.window_chunks ?? 0);
  waiting.slice(0, shown).forEach((turn, i) => {
    if (i === looked) list.append(element("li", { className: "window" }, "the look-ahead window ends here"));
    list.append(row(turn));
  });
  const words = state.turns.length === 0 ? "Nobody waits, nobody runs."
    : `Running: ${scheduler.turns_running ?? running.length}, waiting: ${scheduler.turns_waiting ?? waiting.length}; ` +
      `${count(prefetcher.chunks_under_way ?? 0, "chunk")} on the way ahead of need.`;
  by_id("turns").replaceChildren(element("p", { className: "note" }, words), list);
}
