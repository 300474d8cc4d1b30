// What OpenAI's own package makes of `chromatin serve`, whose address is the first argument. Ends with status 0 if all
// is as its users expect, else with an assertion's text.

import assert from "node:assert/strict";
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.argv[2], apiKey: "none", maxRetries: 0 });
const chat = client.chat.completions;
const user = (content) => ({ role: "user", content });
const usual = { model: "concierge", temperature: 0, max_tokens: 30 };

// A conversation: all messages are sent each time, only what is new is computed.
const messages = [
  { role: "system", content: "You are the concierge of a small hotel." },
  user("I need a taxi to the airport for four people at six in the morning, and a wake-up call before that."),
];
for (let turn = 0; turn < 4; ++turn) {
  const { data, response } = await chat.create({ ...usual, messages }).withResponse();
  const { prompt_tokens, prompt_tokens_details } = data.usage;
  if (turn > 0) assert(prompt_tokens - prompt_tokens_details.cached_tokens < 24, `turn ${turn}: ${JSON.stringify(data.usage)}`);
  assert.match(response.headers.get("x-chromatin-reuse"), /^device=\d+, host=\d+, disk=\d+, computed=\d+$/);
  messages.push(data.choices[0].message, user(`And for tomorrow, number ${turn}?`));
}

// The same in a stream.
const whole = (await chat.create({ ...usual, messages })).choices[0];
let text = "", usage, reason;
for await (const chunk of await chat.create({ ...usual, messages, stream: true, stream_options: { include_usage: true } })) {
  text += chunk.choices[0]?.delta?.content ?? "";
  reason = chunk.choices[0]?.finish_reason ?? reason;
  usage = chunk.usage ?? usage;
}
assert.equal(text, whole.message.content);
assert.equal(reason, whole.finish_reason);
assert(usage.prompt_tokens_details.cached_tokens > 0);

// Ended by a stop string, and by the number of tokens.
const stop = whole.message.content.slice(3, 6);
const stopped = await chat.create({ ...usual, messages, stop });
assert.equal(stopped.choices[0].message.content, whole.message.content.split(stop)[0]);
assert.equal((await chat.create({ ...usual, messages, max_tokens: 1 })).choices[0].finish_reason, "length");

// Several choices, and how likely their tokens were.
const several = await chat.create({ ...usual, messages, n: 2, logprobs: true, top_logprobs: 2 });
for (const choice of several.choices) {
  assert.equal(choice.message.content, whole.message.content);
  assert.equal(choice.logprobs.content.map((one) => one.token).join(""), whole.message.content);
  assert.equal(choice.logprobs.content[0].top_logprobs.length, 2);
}
const penalised = await chat.create({ ...usual, messages, presence_penalty: 2, frequency_penalty: 2, logit_bias: { 300: -100 } });
assert.notEqual(penalised.choices[0].message.content, whole.message.content);

// Responses: each goes on from the one before, by its name.
const asked = { model: "concierge", temperature: 0, max_output_tokens: 30 };
const first = await client.responses.create({ ...asked, instructions: "Be brief.", input: messages[1].content });
assert(first.output_text.length > 0);
assert.deepEqual(await client.responses.retrieve(first.id).then((r) => r.output_text), first.output_text);
const next = { ...asked, instructions: "Be brief.", previous_response_id: first.id, input: "And for tomorrow?" };
const second = await client.responses.create(next);
assert(second.usage.input_tokens - second.usage.input_tokens_details.cached_tokens < 24, JSON.stringify(second.usage));
let deltas = "", final;
const types = new Set();
for await (const event of await client.responses.create({ ...next, stream: true })) {
  types.add(event.type);
  if (event.type === "response.output_text.delta") deltas += event.delta;
  final = event.response ?? final;
}
assert.equal(deltas, second.output_text);
assert.equal(final.output[0].content[0].text, deltas);
for (const type of ["response.created", "response.output_item.added", "response.content_part.added", "response.output_text.done"])
  assert(types.has(type), type);
const gathered = await client.responses.stream(next).finalResponse();  // the package puts the events together itself
assert.equal(gathered.output_text, second.output_text);
const items = [];
for await (const item of client.responses.inputItems.list(second.id)) items.push(item.role);
assert.deepEqual(items, ["system", "user", "assistant", "user"]);
await client.responses.delete(first.id);
await assert.rejects(client.responses.retrieve(first.id), (e) => e instanceof OpenAI.NotFoundError);
await assert.rejects(client.responses.create(next), (e) =>
  e instanceof OpenAI.NotFoundError && e.code === "previous_response_not_found" && e.param === "previous_response_id");
assert.equal((await client.responses.retrieve(second.id)).output_text, second.output_text);

// Conversations, which responses are said in.
const hotel = await client.conversations.create({ items: [{ type: "message", role: "developer", content: "You are the concierge." }] });
const inside = { ...asked, conversation: hotel.id };
await client.responses.create({ ...inside, input: messages[1].content });
const later = await client.responses.create({ ...inside, input: "And for tomorrow?" });
assert.equal(later.conversation.id, hotel.id);
assert(later.usage.input_tokens - later.usage.input_tokens_details.cached_tokens < 24, JSON.stringify(later.usage));
assert.equal((await client.conversations.retrieve(hotel.id)).id, hotel.id);
for (const [order, wanted] of [["asc", "system user assistant user assistant"], ["desc", "assistant user assistant user system"]]) {
  const roles = [], ids = new Set();
  for await (const item of client.conversations.items.list(hotel.id, { order, limit: 2 })) {
    roles.push(item.role);
    ids.add(item.id);
  }
  assert.equal(roles.join(" "), wanted);
  assert.equal(ids.size, 5);
}
const item = await client.conversations.items.retrieve("msg_1", { conversation_id: hotel.id });
assert.equal(item.content[0].text, messages[1].content);
assert.equal((await client.conversations.delete(hotel.id)).deleted, true);
await assert.rejects(client.conversations.retrieve(hotel.id), (e) => e instanceof OpenAI.NotFoundError);
const trip = await client.conversations.create({ metadata: { topic: "trip" } });
assert.deepEqual(trip.metadata, { topic: "trip" });
assert(Math.abs(trip.created_at - Date.now() / 1000) < 60, trip.created_at);
assert.deepEqual((await client.conversations.update(trip.id, { metadata: { topic: "train" } })).metadata, { topic: "train" });
const kept = await client.conversations.retrieve(trip.id);
assert.deepEqual([kept.metadata, kept.created_at], [{ topic: "train" }, trip.created_at]);
await assert.rejects(client.conversations.update("missing", { metadata: {} }), (e) => e instanceof OpenAI.NotFoundError);
await assert.rejects(client.conversations.create({ metadata: { a: 5 } }), (e) => e instanceof OpenAI.BadRequestError && e.param === "metadata.a");

// Plain texts, also several at a time.
const completed = await client.completions.create({ ...usual, prompt: "I need a taxi" });
let typed = "";
for await (const chunk of await client.completions.create({ ...usual, prompt: "I need a taxi", stream: true }))
  typed += chunk.choices[0]?.text ?? "";
assert.equal(typed, completed.choices[0].text);

const both = await client.completions.create({ ...usual, prompt: ["I need a taxi", "How much is"], n: 2 });
assert.deepEqual(both.choices.map((c) => c.index), [0, 1, 2, 3]);
assert.equal(both.choices[0].text, completed.choices[0].text);
assert.equal(both.choices[1].text, completed.choices[0].text);

// Nothing is shared under another salt.
const salted = await chat.create({ ...usual, messages, cache_salt: "of somebody else" });
assert.equal(salted.choices[0].message.content, whole.message.content);
assert.equal(salted.usage.prompt_tokens_details.cached_tokens, 0);

// Mistakes come as the package's own errors, with the field.
await assert.rejects(chat.create({ ...usual, messages, model: "another" }), (e) =>
  e instanceof OpenAI.NotFoundError && e.code === "model_not_found" && e.param === "model");
const tools = [{ type: "function", function: { name: "f" } }];
await assert.rejects(chat.create({ ...usual, messages, tools }), (e) => e instanceof OpenAI.BadRequestError && e.param === "tools");
await assert.rejects(chat.create({ ...usual, messages: [user("x".repeat(20000))] }), (e) =>
  e instanceof OpenAI.BadRequestError && e.code === "context_length_exceeded");

const models = [];
for await (const model of await client.models.list()) models.push(model.id);
assert.deepEqual(models, ["concierge"]);
assert.equal((await client.models.retrieve("concierge")).id, "concierge");

// Whoever goes away in the middle holds up nobody.
const endless = await chat.create({ ...usual, messages: [user("Tell me everything.")], max_tokens: 60000, stream: true });
let pieces = 0;
for await (const _ of endless) if (++pieces === 3) endless.controller.abort();
const told = await client.responses.create({ ...asked, input: "Tell me everything.", max_output_tokens: 60000, stream: true });
for await (const event of told) if (event.type === "response.output_text.delta") told.controller.abort();
assert.equal((await chat.create({ ...usual, messages })).choices[0].message.content, whole.message.content);
