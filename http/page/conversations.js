// The conversations that were used last, each with its chunks as cells in the colour of the tier that has them.

import { conversation_path, get } from "./api.js";
import { by_id, count, element } from "./dom.js";

const shown = 12;
const cells_drawn_max = 160;  // more would be finer than a screen

/** As wide as the model's window, so that one sees how full it is. */
function cells(chunks, window_chunks) {
  const bar = element("span", { className: "cells" });
  for (const run of chunks.data) {
    const where = run.tier ?? "nowhere";
    const words = `${count(run.chunks, "chunk")} ${run.tier ? `in the ${run.tier} tier` : "in no tier: computed again when needed"}${run.coming ? ", on the way up" : ""}`;
    const part = element("span", { className: `run ${where}${run.coming ? " coming" : ""}`, title: words });
    part.style.flexGrow = String(run.chunks);
    if (chunks.chunks <= cells_drawn_max) part.style.setProperty("--cells", String(run.chunks));
    bar.append(part);
  }
  const room = element("span");
  room.style.flexGrow = String(Math.max(0, window_chunks - chunks.chunks));
  bar.append(room);
  return bar;
}

function row(conversation, chunks, window_chunks, current, open) {
  const button = element("button", { className: "open", title: "Open it in the chat" }, conversation.id);
  button.addEventListener("click", () => open(conversation.id));
  return element("li", { className: conversation.id === current ? "current" : "" }, button,
    conversation.damaged ? element("span", { className: "bad" }, "damaged: it can only be forgotten") : chunks ? cells(chunks, window_chunks) : "",
    element("span", { className: "note" }, `${count(conversation.messages, "message")}, ${count(chunks?.chunks ?? 0, "chunk")}`));
}

/** `window_chunks` are what the model's window has room for (0: not known), `current` is the name in the chat, `open` is called with
    one that is chosen. */
export async function show_conversations(window_chunks, current, open) {
  const list = await get(`/v1/conversations?order=used&limit=${shown}`);
  const rows = await Promise.all(list.data.map(async (one) => {
    const chunks = one.damaged ? null : await get(conversation_path(one.id, "/chunks")).catch(() => null);  // it may be gone by now
    return row(one, chunks, window_chunks, current, open);
  }));
  const legend = element("p", { className: "note legend" });
  for (const [where, words] of [["device", "device"], ["host", "host"], ["disk", "disk"], ["nowhere", "to be computed"]])
    legend.append(element("span", { className: `run ${where}` }), words);
  const focused = document.activeElement?.className === "open" ? document.activeElement.textContent : null;
  by_id("conversations").replaceChildren(...(rows.length > 0 ? [legend, element("ul", { className: "conversations" }, ...rows)]
    : [element("p", { className: "note" }, "Nobody has said anything yet.")]));
  for (const button of by_id("conversations").querySelectorAll("button.open"))
    if (button.textContent === focused) button.focus();  // who goes through the list by keyboard stays where it is
}
