// What stands under an answer: where its prompt came from, how long it took, and why it ended.

import { duration, element } from "./dom.js";

const sources = ["device", "host", "disk", "computed"];

/** `usage` is a stream's last event, `us_per_token` what a token of a prompt costs to compute (0: not known). */
export function footnote(usage, reason, us_per_token) {
  const { reuse, timings } = usage;
  const bar = element("span", { className: "sources" });
  const words = [];
  for (const source of sources) {
    const tokens = reuse[source];
    if (!(tokens > 0)) continue;
    const part = element("span", { className: `run ${source}`, title: `${tokens} tokens` });
    part.style.flexGrow = String(tokens);
    bar.append(part);
    words.push(source === "computed" ? `${tokens} computed` : `${tokens} from ${source}`);
  }
  const reused = usage.usage.prompt_tokens_details.cached_tokens;
  const anew = timings.first_token_ms + (reused * us_per_token) / 1000;
  words.push(`first token after ${duration(timings.first_token_ms)}` +
    (reused > 0 && us_per_token > 0 ? ` instead of about ${duration(anew)}` : ""));
  words.push(`${usage.usage.completion_tokens} tokens in ${duration(timings.total_ms)}`);
  if (reason === "length") words.push("cut: it may have no more tokens");
  if (reuse.dropped > 0) words.push(`${reuse.dropped} tokens of the oldest left the window`);
  return element("footer", { className: "note" }, bar, words.join(" · "));
}
