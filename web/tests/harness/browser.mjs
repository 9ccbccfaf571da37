// A real headless Chromium.

import { chromium } from "playwright-core";
import { FLAGS } from "./flags.mjs";
import * as paths from "./paths.mjs";

export const launch = (...flags) =>
  chromium.launch({ executablePath: paths.chromium(), headless: true, args: [...FLAGS, ...flags] });

/** Opens a page whose errors fail whoever waits for it. */
export async function open(browser, url) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const failed = new Promise((_, reject) => {
    page.on("pageerror", reject);
    page.on("crash", () => reject(new Error("the page crashed")));
  });
  failed.catch(() => {});
  await page.goto(url);
  return {
    page,
    /** Runs a function in the page, with one argument. */
    run: (what, argument) => Promise.race([page.evaluate(what, argument), failed]),
    close: () => context.close(),
  };
}
