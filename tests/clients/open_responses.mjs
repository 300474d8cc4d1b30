// The text cases of Open Responses' compliance suite (openresponses.org), against `chromatin serve`, whose address is the
// first argument: the same requests, and what the specification says of responses and of events. The suite itself is in
// no package.

import assert from "node:assert/strict";

const [base] = process.argv.slice(2);
const post = (body) => fetch(base + "/responses", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ model: "concierge", temperature: 0, ...body }) });
const said = (role, content) => ({ type: "message", role, content });

// What a response has to have, and of which type.
const integer = Number.isInteger, text = (v) => typeof v === "string", number = (v) => typeof v === "number";
const flag = (v) => typeof v === "boolean", list = Array.isArray, object = (v) => v !== null && typeof v === "object" && !list(v);
const is = (wanted) => (v) => v === wanted, or_null = (check) => (v) => v === null || check(v);
const usage = {
  input_tokens: integer, output_tokens: integer, total_tokens: integer,
  input_tokens_details: (v) => integer(v.cached_tokens), output_tokens_details: (v) => integer(v.reasoning_tokens),
};
const response_fields = {
  id: text, object: is("response"), created_at: integer, completed_at: or_null(integer), status: text,
  incomplete_details: or_null((v) => text(v.reason)), model: text, previous_response_id: or_null(text),
  instructions: or_null(text), output: list, error: or_null((v) => text(v.code) && text(v.message)), tools: list,
  tool_choice: (v) => ["none", "auto", "required"].includes(v), truncation: (v) => ["auto", "disabled"].includes(v),
  parallel_tool_calls: flag, text: (v) => v.format.type === "text", top_p: number, presence_penalty: number,
  frequency_penalty: number, top_logprobs: integer, temperature: number, reasoning: or_null(object), user: or_null(text),
  usage: or_null((v) => fits(v, usage)), max_output_tokens: or_null(integer), max_tool_calls: or_null(integer), store: flag,
  background: flag, service_tier: text, metadata: object, safety_identifier: or_null(text), prompt_cache_key: or_null(text),
};
const item_fields = { id: text, type: is("message"), status: text, role: is("assistant"), content: list };
const part_fields = { type: is("output_text"), text, annotations: list, logprobs: list };

function fits(value, fields) {
  for (const [name, check] of Object.entries(fields)) assert(name in value && check(value[name]), `${name} of ${JSON.stringify(value)}`);
  return true;
}
function check_response(r) {
  fits(r, response_fields);
  for (const item of r.output) {
    fits(item, item_fields);
    for (const part of item.content) fits(part, part_fields);
  }
  return r;
}
async function answered(body) {
  const r = await post(body);
  assert.equal(r.status, 200, await r.clone().text());
  const response = check_response(await r.json());
  assert.equal(response.status, "completed");
  assert(response.output.length > 0);
  return response;
}

// basic-response
const basic = await answered({ input: [said("user", "Say hello in exactly 3 words.")] });

// streaming-response
const place = { item_id: text, output_index: is(0), content_index: is(0) };
const event_fields = {
  "response.created": { response: check_response }, "response.in_progress": { response: check_response },
  "response.output_item.added": { output_index: is(0), item: (v) => fits(v, item_fields) },
  "response.content_part.added": { ...place, part: (v) => fits(v, part_fields) },
  "response.output_text.delta": { ...place, delta: text, logprobs: list },
  "response.output_text.done": { ...place, text, logprobs: list },
  "response.content_part.done": { ...place, part: (v) => fits(v, part_fields) },
  "response.output_item.done": { output_index: is(0), item: (v) => fits(v, item_fields) },
  "response.completed": { response: check_response },
};
const streamed = await post({ input: [said("user", "Count from 1 to 5.")], stream: true });
assert.match(streamed.headers.get("content-type"), /^text\/event-stream/);
const events = (await streamed.text()).trim().split("\n\n").map((event) => {
  const [, name, data] = event.match(/^event: (.*)\ndata: (.*)$/) ?? [];
  assert(name && data, event);
  const content = JSON.parse(data);
  assert.equal(content.type, name);
  assert(name in event_fields, name);
  fits(content, { sequence_number: integer, ...event_fields[name] });
  return content;
});
assert.deepEqual(events.map((e) => e.sequence_number), events.map((_, i) => i));
const order = Object.keys(event_fields);
assert.deepEqual([...new Set(events.map((e) => e.type))], order, "each kind comes where it belongs");
const last = events.at(-1).response;
assert.equal(last.status, "completed");
assert.equal(events.filter((e) => e.delta).map((e) => e.delta).join(""), last.output[0].content[0].text);

// system-prompt
await answered({ input: [said("system", "You are a pirate. Always respond in pirate speak."), said("user", "Say hello.")] });

// multi-turn: all of it as input, then by the name of the response before
await answered({
  input: [said("user", "My name is Alice."), said("assistant", "Hello Alice! Nice to meet you. How can I help you today?"), said("user", "What is my name?")],
});
const next = await answered({ input: [said("user", "And once more.")], previous_response_id: basic.id });
assert.equal(next.previous_response_id, basic.id);

// missing previous response
for (const stream of [false, true]) {
  const missing = await post({ input: [said("user", "And once more.")], previous_response_id: "resp_missing", stream });
  assert.equal(missing.status, 404);
  const { error } = await missing.json();
  assert.equal(error.code, "previous_response_not_found");
  assert.equal(error.param, "previous_response_id");
  assert(text(error.type) && text(error.message));
}
