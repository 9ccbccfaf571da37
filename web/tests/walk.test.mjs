// The walk where most of the package's users are: Node, a page, a worker.

import { after, before, describe, test } from "node:test";
import { installApp, run } from "./harness/app.mjs";
import { launch, open } from "./harness/browser.mjs";
import { startCluster } from "./harness/cluster.mjs";
import { servePages } from "./harness/pages.mjs";
import { reportSteps } from "./harness/steps.mjs";

describe("walk", () => {
  let app, cluster, pages, browser;

  before(async () => {
    app = await installApp("walk", ["program", "page"], ["ws"]);
    cluster = await startCluster();
    pages = await servePages(app);
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await pages?.close();
    await cluster?.stop();
  });

  for (const [name, main] of [["node", "main.mjs"], ["node, require", "main.cjs"]]) {
    test(name, async (t) => {
      const { stdout } = await run(process.execPath, [`program/${main}`, JSON.stringify(cluster.options)], { cwd: app });
      await reportSteps(t, JSON.parse(stdout));
    });
  }

  test("chromium", async (t) => {
    const page = await open(browser, `${pages.url}/page/plain.html`);
    await reportSteps(t, await page.run((options) => globalThis.walk(options), cluster.options));
    await page.close();
  });

  test("chromium, worker", async (t) => {
    const page = await open(browser, `${pages.url}/page/plain.html`);
    const inWorker = (options) =>
      new Promise((resolve, reject) => {
        const worker = new Worker("worker.mjs", { type: "module" });
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(`the worker failed: ${message}`));
        worker.postMessage(options);
      });
    await reportSteps(t, await page.run(inWorker, cluster.options));
    await page.close();
  });
});
