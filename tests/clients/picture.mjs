// Takes docs/dashboard.png of a server that is at work (tests/clients/picture.sh): node picture.mjs ADDRESS FILE

import puppeteer from "puppeteer-core";

const [base, file] = process.argv.slice(2);
const browser = await puppeteer.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
const page = await browser.newPage();
await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "light" }]);
await page.setViewport({ width: 1400, height: 900 });
await page.goto(new URL("/", base).href);
await page.waitForSelector("#health.good");
await page.$eval("#tokens-max", (e) => (e.value = 60));
const wait = (s) => new Promise((then) => setTimeout(then, 1000 * s));
for (const text of ["I want to book a table for dinner.", "In San Jose please, something Italian.", "For two people at half past seven.",
  "What is their address?"]) {
  await page.focus("#text");
  await page.keyboard.type(text);
  await page.keyboard.press("Enter");
  await wait(6);
}
await page.screenshot({ path: file });
await browser.close();
