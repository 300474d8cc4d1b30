// The hierarchy: how full each tier is, what turns found in it, and what moves between two of them.

import { by_id, bytes, drawing, percent } from "./dom.js";

const tiers = [
  { name: "device", part: "device-tier" },
  { name: "host", part: "host-tier" },
  { name: "disk", part: "disk-tier" },
];
const box = { width: 190, height: 92, gap: 105, top: 6 };
const width = tiers.length * box.width + (tiers.length - 1) * box.gap;

const left_of = (i) => i * (box.width + box.gap);

function chunk_bytes(parts) {
  for (const { part } of tiers) {
    const tier = parts[part];
    if (tier?.chunks > 0 && tier.used_bytes > 0) return tier.used_bytes / tier.chunks;
  }
  return 0;
}

function draw_tier({ name, part }, i, state) {
  const tier = state.parts[part];
  const down = state.parts.supervisor?.[`${part}_up`] === 0;
  const x = left_of(i);
  const text = (y, words, kind) => drawing("text", { x: x + 12, y: box.top + y, class: kind }, words);
  const group = drawing("g", { class: `tier ${name}${tier && !down ? "" : " away"}` });
  group.append(drawing("rect", { x, y: box.top, width: box.width, height: box.height, rx: 8, class: "frame" }));
  group.append(text(22, name, "title"));
  if (!tier || down) {
    group.append(text(44, down ? "is down: turns go on without it" : "there is none", "note"));
    return group;
  }
  const full = tier.capacity_bytes > 0 ? tier.used_bytes / tier.capacity_bytes : 0;
  const inside = box.width - 24;
  group.append(drawing("rect", { x: x + 12, y: box.top + 32, width: inside, height: 8, rx: 4, class: "room" }));
  group.append(drawing("rect", { x: x + 12, y: box.top + 32, width: inside * Math.min(1, full), height: 8, rx: 4, class: "used" }));
  group.append(text(58, `${bytes(tier.used_bytes)} of ${bytes(tier.capacity_bytes)} (${percent(full, 1)})`, "note"));
  group.append(text(76, `${tier.chunks.toLocaleString("en")} chunks, ${tier.hit_chunks.toLocaleString("en")} hits`, "note"));
  return group;
}

/** What moved between tier i and the one below it, in bytes a second. */
function flows(i, state, before, seconds) {
  const moved = (part, name) => {
    const now = state.parts[part]?.[name] ?? 0, then = before?.parts[part]?.[name] ?? now;
    return Math.max(0, now - then) / seconds * chunk_bytes(state.parts);
  };
  return { up: moved(tiers[i].part, "loaded_chunks"), down: moved(tiers[i + 1].part, "stored_chunks") };
}

function draw_flow(i, rate, up) {
  const from = left_of(i) + box.width + 6, to = left_of(i + 1) - 6;
  const y = box.top + (up ? 30 : 64);
  const line = drawing("line", { x1: up ? to : from, x2: up ? from : to, y1: y, y2: y });
  line.setAttribute("class", rate > 0 ? `flow ${up ? "up" : "down"}` : "flow");
  line.style.strokeWidth = rate > 0 ? String(Math.min(8, 1.5 + Math.log10(1 + rate / 1e5) * 2)) : "1";
  const words = rate > 0 ? `${bytes(rate)}/s` : up ? "loads" : "saves";
  const label = drawing("text", { x: (from + to) / 2, y: y - 8, class: "note middle" }, words);
  return drawing("g", {}, line, label);
}

export function show_tiers(state, before, seconds) {
  const picture = drawing("svg", { viewBox: `0 0 ${width} ${box.height + 12}`, role: "img" });
  picture.append(drawing("title", {}, "Tiers and what moves between them"));
  tiers.forEach((tier, i) => picture.append(draw_tier(tier, i, state)));
  for (let i = 0; i + 1 < tiers.length; ++i) {
    const { up, down } = flows(i, state, before, seconds);
    picture.append(draw_flow(i, up, true), draw_flow(i, down, false));
  }
  by_id("tiers").replaceChildren(picture);
}
