// Asks the server once a second how it is, while somebody looks, and shows it.

import { get, set_token, token } from "./api.js";
import * as chat from "./chat.js";
import { show_conversations } from "./conversations.js";
import { by_id } from "./dom.js";
import { show_first_token } from "./first_token.js";
import { show_parts } from "./parts.js";
import { show_tiers } from "./tiers.js";
import { show_turns } from "./turns.js";

const every_ms = 1000, conversations_every = 2;  // looks
let before = null, looks = 0;

function show_state(state) {
  // Counters begin anew with a server that was restarted.
  const again = before && state.now_us > before.now_us && state.parts.gateway?.turns_begun >= before.parts.gateway?.turns_begun;
  const then = again ? before : null;
  const seconds = then ? (state.now_us - then.now_us) / 1e6 : 1;
  by_id("model").textContent = `${state.model}, ${state.context_tokens} tokens of context, version ${state.version}`;
  chat.set_prefill_cost(state.parts.scheduler?.prefill_us_per_token ?? 0);
  show_tiers(state, then, seconds);
  show_first_token(state, then);
  show_turns(state);
  show_parts(state);
  before = state;
}

const window_chunks = () => (before ? before.context_tokens / before.chunk_tokens : 0);

function show_health(words, kind) {
  by_id("health").textContent = words;
  by_id("health").className = kind;
}

async function look() {
  try {
    show_state(await get("/state"));
    document.body.classList.remove("chat-only");
    show_health("live", "good");
  } catch (error) {
    const refused = error.status === 401;
    document.body.classList.toggle("chat-only", refused);  // a tenant's token is enough to chat
    show_health(refused ? (token() ? "this token sees its own conversations" : "a token is needed") :
      error.status ? error.message : "the server does not answer", "bad");
  }
  if (looks++ % conversations_every === 0) await show_conversations(window_chunks(), chat.current(), chat.open).catch(() => {});
}

async function look_again() {
  if (!document.hidden) await look();
  setTimeout(look_again, every_ms);
}

by_id("token").addEventListener("click", () => {
  const given = prompt("The token that this server asks for (kept until this tab is closed):", token());
  if (given !== null) set_token(given.trim());
});
chat.start_chat();
look_again();
