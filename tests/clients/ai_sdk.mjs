// What Vercel's AI SDK makes of `chromatin serve`, whose address is the first argument: through chat completions and
// through responses. It sends all messages each time, and texts in parts.

import assert from "node:assert/strict";
import { createOpenResponses } from "@ai-sdk/open-responses";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateText, streamText } from "ai";

const [baseURL] = process.argv.slice(2);
const chat = createOpenAICompatible({ name: "chromatin", baseURL, includeUsage: true });
const responses = createOpenResponses({ name: "chromatin", url: baseURL + "/responses" });

const parts = (...texts) => ({ role: "user", content: texts.map((text) => ({ type: "text", text })) });
const opening = "  I need a taxi to the airport for four people at six in the morning, and a wake-up call before that.\n";

for (const [kind, model] of [["chat", chat("concierge")], ["responses", responses("concierge")]]) {
  const usual = { model, system: `You are the concierge of a small hotel, asked by ${kind}. `, temperature: 0, maxOutputTokens: 30 };
  const messages = [{ role: "user", content: opening }];
  for (let turn = 0; turn < 4; ++turn) {
    const whole = await generateText({ ...usual, messages });
    const stream = streamText({ ...usual, messages, onError: () => {} });
    let text = "";
    for await (const piece of stream.textStream) text += piece;
    assert.equal(text, whole.text);
    assert.equal(await stream.finishReason, whole.finishReason);
    const { inputTokens, cachedInputTokens, outputTokens } = whole.usage;
    assert(outputTokens > 0);
    if (turn > 0) assert(inputTokens - cachedInputTokens < 24, `${kind}, turn ${turn}: ${JSON.stringify(whole.usage)}`);
    messages.push(...whole.response.messages, parts("And for ", `tomorrow, number ${turn}?`));
  }

  const refused = (more, status) =>
    assert.rejects(generateText({ ...usual, messages, maxRetries: 0, ...more }), (e) => APICallError.isInstance(e) && e.statusCode === status);
  await refused({ model: (kind === "chat" ? chat : responses)("another") }, 404);
  await refused({ messages: [{ role: "user", content: "x".repeat(20000) }] }, 400);

  // Whoever goes away in the middle holds up nobody.
  const leaving = new AbortController();
  const endless = streamText({ ...usual, messages: [parts("Tell me everything.")], maxOutputTokens: 60000, abortSignal: leaving.signal, onError: () => {} });
  for await (const _ of endless.textStream) leaving.abort();
  assert((await generateText({ ...usual, messages })).text.length > 0);
}
