// The page at /, used as people use it, in a browser without a window. The argument is the address of `chromatin serve`; with
// a folder as the second one pictures of it are written there.

import assert from "node:assert/strict";
import path from "node:path";
import puppeteer from "puppeteer-core";

const [base, pictures] = process.argv.slice(2);
const home = new URL("/", base).href;
const browser = await puppeteer.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"], protocolTimeout: 30_000 });
try {
  const page = await browser.newPage();
  const complaints = [];
  page.on("console", (m) => m.type() === "error" && complaints.push(m.text()));
  page.on("pageerror", (e) => complaints.push(e.message));
  let unending = false;  // the model may not end its answers
  await page.setRequestInterception(true);
  page.on("request", (r) => {
    if (!r.url().startsWith(home)) complaints.push(`asks ${r.url()}`);
    const body = unending && r.method() === "POST" && { ...JSON.parse(r.postData()), logit_bias: { 2: -100 } };
    r.continue(body ? { postData: JSON.stringify(body) } : {});
  });
  page.on("dialog", (d) => d.accept());
  await page.setViewport({ width: 1360, height: 850 });
  await page.goto(home);
  await page.waitForSelector("#health.good");

  const text_of = (selector) => page.$$eval(selector, (all) => all.map((e) => e.textContent));
  /** Until the message is the last but one, and has its whole answer behind it. */
  const answered = (text) => page.waitForFunction((text) => {
    const [said, answer] = [...document.querySelectorAll("#said article")].slice(-2);
    return said?.querySelector("p").textContent === text && answer?.querySelector("footer") && !answer.matches(".streaming");
  }, {}, text);
  async function send(text) {
    await page.focus("#text");
    await page.keyboard.type(text);
    await page.keyboard.press("Enter");
  }
  async function say(text) {
    await send(text);
    await answered(text);
  }
  const picture = (name) => pictures && page.screenshot({ path: path.join(pictures, `${name}.png`) });

  // An answer streams in and says where its prompt came from; what is said is shown as text.
  await page.$eval("#tokens-max", (e) => (e.value = 30));
  await say("I need a taxi to the airport for four people, at six in the morning <img src=x onerror=alert(1)>");
  await say("And a wake-up call before that, please, and the same for the day after tomorrow, for two people.");
  assert.match((await text_of("#said article.assistant footer")).at(-1), /from device.*first token after/s);
  assert.equal((await page.$$("#said img")).length, 0);
  const name = (await text_of("#chat-name"))[0];
  assert.match(name, /^i-need-a-taxi-/);

  // The live view has seen it.
  await page.waitForSelector("#conversations .current .run.device");
  await page.waitForFunction(() => document.querySelector("#first-token b"));
  const tiers = (await text_of("#tiers")).join();
  for (const tier of ["device", "host", "disk"]) assert.match(tiers, new RegExp(tier));
  assert.match((await text_of("#parts"))[0], /scheduler/);

  // A message that is edited forks the conversation; the first way stays as it was.
  await page.click("#said article.user button");
  assert.match(await page.$eval("#text", (e) => e.value), /^I need a taxi/);
  await page.$eval("#text", (e) => (e.value = ""));
  await say("I would rather walk.");
  assert.equal((await page.$$("#said article.user")).length, 1);
  const fork = (await text_of("#chat-name"))[0];
  assert.notEqual(fork, name);
  await page.waitForFunction((n) => [...document.querySelectorAll("#conversations .open")].some((b) => b.textContent === n), {}, fork);
  await page.evaluate((n) => [...document.querySelectorAll("#conversations .open")].find((b) => b.textContent === n).click(), name);
  await page.waitForFunction(() => document.querySelectorAll("#said article").length === 4);
  assert.equal((await text_of("#chat-name"))[0], name);

  // A turn that runs is shown. Light, dark, and as narrow as a telephone: nothing is wider than its window.
  await page.$eval("#tokens-max", (e) => (e.value = 60000));
  await page.$eval("#temperature", (e) => (e.value = 1.5));
  unending = true;
  await send("Tell me everything that you know.");
  await page.waitForSelector("#turns li.decode");
  for (const [scheme, width] of [["light", 1360], ["dark", 1360], ["dark", 390]]) {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await page.setViewport({ width, height: 850 });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), `${width} pixels are enough`);
    await picture(`dashboard-${scheme}-${width}`);
  }

  // Escape stops an answer; what was said of it stays.
  await page.setViewport({ width: 1360, height: 850 });
  await page.keyboard.press("Escape");
  await answered("Tell me everything that you know.");
  assert.match((await text_of("#said footer")).at(-1), /^stopped/);

  // What is forgotten is gone, from the list too.
  await page.click("#chat-forget");
  await page.waitForFunction((n) => [...document.querySelectorAll("#conversations .open")].every((b) => b.textContent !== n), {}, name);
  assert.deepEqual(complaints, []);
} finally {
  await browser.close();
}
