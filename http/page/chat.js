// The chat: one conversation, whose answers stream in. Editing a message or asking again forks the conversation there, so
// that what is before it is reused and the first way stays as it was.

import { conversation_path, get, post, remove, stream } from "./api.js";
import { footnote } from "./answer.js";
import { by_id, element } from "./dom.js";

let name = "";         // of the conversation; empty: it is made with the first message
let messages = [];     // {role, content}, as the server has them
let fork_at = null;    // the next message replaces the one with this number
let stopping = null;   // of the answer that streams in
let us_per_token = 0;  // what a token of a prompt costs to compute

export const current = () => name;
export const set_prefill_cost = (us) => (us_per_token = us);

function unused_name(text) {
  const words = text.normalize("NFKD").toLowerCase().match(/[a-z0-9]+/g) ?? [];
  const random = crypto.getRandomValues(new Uint32Array(1))[0].toString(36);
  return [...words.slice(0, 4), random].join("-").slice(0, 100);
}

function show_name() {
  by_id("chat-name").textContent = name || "New conversation";
  by_id("chat-forget").disabled = !name;
}

function show_message(message, number) {
  const content = element("p", {}, message.content);
  const box = element("article", { className: message.role }, content);
  if (message.role === "user") {
    const edit = element("button", { className: "small", title: "Say something else here: a fork" }, "Edit");
    edit.addEventListener("click", () => edit_message(number));
    const again = element("button", { className: "small", title: "Another answer: a fork" }, "Again");
    again.addEventListener("click", () => answer_again(number));
    box.append(element("div", { className: "tools" }, edit, again));
  }
  by_id("said").append(box);
  return { box, content };
}

function scroll_to_end() {
  const said = by_id("said");
  said.scrollTop = said.scrollHeight;
}

/** Unless somebody reads further up. */
function follow(change) {
  const said = by_id("said");
  const at_end = said.scrollHeight - said.scrollTop - said.clientHeight < 60;
  change();
  if (at_end) scroll_to_end();
}

function complain(error) {
  by_id("said").append(element("p", { className: "bad" }, error.message));
  scroll_to_end();
}

function show_all() {
  by_id("said").replaceChildren();
  messages.forEach(show_message);
  scroll_to_end();
}

export function begin_new() {
  stopping?.abort();
  name = "";
  messages = [];
  fork_at = null;
  show_all();
  show_name();
  by_id("text").focus();
}

export async function open(which) {
  stopping?.abort();
  try {
    const all = [];
    for (let total = 1; all.length < total; ) {
      const some = await get(conversation_path(which, `/messages?first=${all.length}&limit=100`));
      total = some.data.length > 0 ? some.total : 0;
      all.push(...some.data);
    }
    name = which;
    messages = all;
    fork_at = null;
    show_all();
    show_name();
    by_id("text").focus();
  } catch (error) {
    complain(error);
  }
}

async function forget() {
  if (!name || !confirm(`Forget "${name}" for good, in every tier?`)) return;
  await remove(conversation_path(name)).catch(complain);
  begin_new();
}

function edit_message(number) {
  fork_at = number;
  by_id("text").value = messages[number].content;
  by_id("text").focus();
}

function answer_again(number) {
  fork_at = number;
  say(messages[number].content);
}

/** The conversation up to message `count` under a new name. */
async function fork(count) {
  const copy = unused_name(name);
  if (count > 0) await post(conversation_path(name, "/fork"), { id: copy, messages: count });
  name = copy;
  messages = messages.slice(0, count);
  show_all();
}

/** Writes text behind what is there, once a frame at most: a fast model sends thousands of pieces a second. */
function writer(content) {
  let pending = "", due = false;
  const show = () => {
    due = false;
    if (pending) follow(() => content.append(pending));
    pending = "";
  };
  const write = (text) => {
    pending += text;
    if (!due) requestAnimationFrame(show);
    due = true;
  };
  return { write, show };
}

async function take_answer(text) {
  const { box, content } = show_message({ role: "assistant", content: "" }, messages.length + 1);
  scroll_to_end();
  box.classList.add("streaming");
  stopping = new AbortController();
  by_id("send").textContent = "Stop";
  const { write, show } = writer(content);
  let answer = "", reason = null;
  try {
    const body = {
      conversation: name, messages: [{ role: "user", content: text }], stream: true, stream_options: { include_usage: true },
      temperature: Number(by_id("temperature").value), max_tokens: Number(by_id("tokens-max").value),
    };
    for await (const event of stream("/v1/chat/completions", body, stopping.signal)) {
      const choice = event.choices[0];
      reason = choice?.finish_reason ?? reason;
      const piece = choice?.delta.content ?? "";
      answer += piece;
      write(piece);
      if (!event.usage) continue;
      show();
      follow(() => box.append(footnote(event, reason, us_per_token)));
    }
  } catch (error) {
    if (error.name !== "AbortError") throw error;
    show();
    box.append(element("footer", { className: "note" }, "stopped; what was said so far stays in the conversation"));
  } finally {
    box.classList.remove("streaming");
    stopping = null;
    by_id("send").textContent = "Send";
  }
  return answer;
}

async function say(text) {
  try {
    if (fork_at !== null) await fork(fork_at);
    fork_at = null;
    if (!name) name = unused_name(text);
    show_name();
    show_message({ role: "user", content: text }, messages.length);
    const answer = await take_answer(text);
    if (answer) messages.push({ role: "user", content: text }, { role: "assistant", content: answer });
  } catch (error) {
    complain(error);
  }
}

function on_submit(event) {
  event?.preventDefault();
  if (stopping) return stopping.abort();
  const text = by_id("text").value.trim();
  if (!text) return;
  by_id("text").value = "";
  say(text);
}

export function start_chat() {
  by_id("say").addEventListener("submit", on_submit);
  by_id("chat-new").addEventListener("click", begin_new);
  by_id("chat-forget").addEventListener("click", forget);
  by_id("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) on_submit(event);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") stopping?.abort();
    if (event.altKey && event.key.toLowerCase() === "n") begin_new();
  });
  show_name();
}
