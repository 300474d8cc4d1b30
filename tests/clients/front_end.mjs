// A chat component for pages (deep-chat), on a page of a site of its own, in a browser without a window. The first argument
// is the address of `chromatin serve`, which lets pages from http://127.0.0.1:PORT in; the second that PORT.

import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import puppeteer from "puppeteer-core";

const [base, port] = process.argv.slice(2);
const element = (id, service, path, tokens) =>
  `<deep-chat id="${id}" directConnection='{"openAI": {"key": "none", "validateKeyProperty": false, "${service}": true}}'
    connect='{"url": "${base}${path}", "stream": true,
      "additionalBodyProps": {"model": "concierge", "temperature": 0, "${tokens}": 30}}'></deep-chat>`;
const page_text = `<!doctype html><link rel="icon" href="data:,"><script type="module" src="/deepChat.bundle.js"></script>
  ${element("chat", "completions", "/chat/completions", "max_tokens")}
  ${element("responses", "chat", "/responses", "max_output_tokens")}`;

function site(at) {
  return new Promise((listening) => {
    const server = http.createServer((request, response) => {
      const script = request.url === "/deepChat.bundle.js";
      response.writeHead(200, { "content-type": script ? "text/javascript" : "text/html" });
      response.end(script ? fs.readFileSync("node_modules/deep-chat/dist/deepChat.bundle.js") : page_text);
    });
    server.listen(at, "127.0.0.1", () => listening(server.address().port));
  });
}

const lost_a_piece = 75;  // for who runs this: try again

const browser = await puppeteer.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
try {
  const page = await browser.newPage();
  await site(Number(port));
  await page.goto(`http://127.0.0.1:${port}/`);

  const messages_of = (id) => page.evaluate((id) => document.getElementById(id).getMessages(), id);
  async function say(id, text) {
    const before = (await messages_of(id)).length;
    const input = await page.waitForSelector(`#${id} >>> #text-input`);
    await input.focus();
    await page.keyboard.type(text);
    const answered = page.waitForResponse((r) => r.request().method() === "POST" && r.ok());
    await page.keyboard.press("Enter");
    const pieces = (await (await answered).text()).matchAll(/^data: (\{.*)$/gm);
    const answer = [...pieces].map(([, data]) => JSON.parse(data)).map((e) => e.choices?.[0]?.delta.content ?? e.delta ?? "").join("");
    // The page shows it piece by piece, and sends back what it shows.
    await page.waitForFunction((id, n, answer) => {
      const shown = document.getElementById(id).getMessages();
      return shown.length === n && shown.at(-1).text.trim() === answer.trim();
    }, { timeout: 5000 }, id, before + 2, answer).catch(async (late) => {
      // Now and then deep-chat does not show the last piece that it was sent; that is not what is tested here.
      const shown = (await messages_of(id)).at(-1).text.trim();
      if (shown === answer.trim() || !answer.trim().startsWith(shown)) throw late;
      await browser.close();
      process.exit(lost_a_piece);
    });
  }

  for (const id of ["chat", "responses"]) {
    await say(id, `  I need a taxi to the airport for four people, at six in the morning, asked by ${id}.  `);
    await say(id, "And for tomorrow? \u00e9\u{1f600}");
    await say(id, "Thank you.");
  }

  // All was said in one conversation each, as it is seen on the page.
  const get = async (path) => (await fetch(base + path)).json();
  const conversations = (await get("/conversations")).data;
  assert.deepEqual(conversations.map((c) => c.messages), [6, 6], "no message was taken for another one");
  const said = [];
  for (const { id } of conversations) said.push((await get(`/conversations/${id}/messages`)).data);
  for (const id of ["chat", "responses"]) {
    const seen = (await messages_of(id)).map((m) => m.text.trim());
    const stored = said.find((all) => all[0].content.includes(`asked by ${id}`)).map((m) => m.content.trim());
    assert.deepEqual(seen, stored);
  }

  // A page of a site that nobody named gets nothing.
  await page.goto(`http://127.0.0.1:${await site(0)}/`);
  const refused = await page.evaluate((url) => fetch(url).then(() => "served", () => "refused"), base + "/models");
  assert.equal(refused, "refused");
} finally {
  await browser.close();
}
process.exit(0);
