// What the walk cannot do alone: a server that dies and comes back, and pages that are not let in.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { installApp } from "./harness/app.mjs";
import { launch, open } from "./harness/browser.mjs";
import { startCluster } from "./harness/cluster.mjs";
import { servePages } from "./harness/pages.mjs";
import { outage } from "./walk/outage.mjs";
import { interruptions, lostAnswer, statuses } from "./walk/statuses.mjs";

/** Another origin than any that a cluster allows by itself: it leads here all the same. */
const STRANGER = "stranger.example";

describe("faults", () => {
  let app, pages, browser;

  before(async () => {
    app = await installApp("faults", ["page"]);
    pages = await servePages(app);
    browser = await launch(`--host-resolver-rules=MAP ${STRANGER} 127.0.0.1`);
  });
  after(async () => {
    await browser?.close();
    await pages?.close();
  });

  const withCluster = async (how, what) => {
    const cluster = await startCluster(how);
    try {
      await what(cluster);
    } finally {
      await cluster.stop();
    }
  };
  /** What `whoami` comes to in a page: the error's fields or the user. */
  const whoamiAt = async (url, options) => {
    const page = await open(browser, url);
    await page.page.waitForFunction(() => globalThis.walk);
    const said = await page.run(async (options) => {
      const { Compute } = await import("boxd");
      try {
        return { user: (await new Compute({ ...options, retries: 0 }).whoami()).userId };
      } catch (error) {
        return { name: error.name, code: error.code, message: error.message };
      }
    }, options);
    await page.close();
    return said;
  };

  test("node: a server that dies is told, and found again", () =>
    withCluster({}, async (cluster) => {
      const boxd = await import(`${app}/node_modules/boxd/dist/index.inline.js`);
      await outage(boxd, cluster.options, cluster);
    }));

  test("chromium: a server that dies is told, and found again", () =>
    withCluster({}, async (cluster) => {
      const page = await open(browser, `${pages.url}/page/plain.html`);
      await page.page.exposeFunction("killCluster", cluster.kill);
      await page.page.exposeFunction("restartCluster", cluster.restart);
      await page.run(async (options) => {
        const [boxd, { outage }] = await Promise.all([import("boxd"), import("/walk/outage.mjs")]);
        await outage(boxd, options, { kill: globalThis.killCluster, restart: globalThis.restartCluster });
      }, cluster.options);
      await page.close();
    }));

  test("node: each status is an error of its class, and what breaks off is told", () =>
    withCluster({ faults: true }, async ({ options, inject }) => {
      const boxd = await import(`${app}/node_modules/boxd/dist/index.inline.js`);
      await statuses(boxd, options, inject);
      await interruptions(boxd, options, inject);
      // Not in Chromium, which by itself repeats a POST when a connection that it had kept ends before the answer begins.
      await lostAnswer(boxd, options, inject);
    }));

  test("chromium: each status is an error of its class, and what breaks off is told", () =>
    withCluster({ faults: true }, async ({ options, inject }) => {
      const page = await open(browser, `${pages.url}/page/plain.html`);
      await page.page.exposeFunction("inject", inject);
      await page.run(async (options) => {
        const [boxd, { interruptions, statuses }] = await Promise.all([import("boxd"), import("/walk/statuses.mjs")]);
        await statuses(boxd, options, globalThis.inject);
        await interruptions(boxd, options, globalThis.inject);
      }, options);
      await page.close();
    }));

  test("an origin that is not allowed is a connection error that says so", () =>
    withCluster({}, async ({ options }) => {
      const stranger = `http://${STRANGER}:${pages.port}`;
      const { apiKey, ...rest } = options;
      const answer = await fetch(options.exchangeUrl, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ api_key: apiKey }),
      });
      const { token } = await answer.json();
      // The exchange is refused, and so is the API to whoever has a token already.
      for (const credentials of [{ apiKey }, { token }]) {
        const { name, message, user } = await whoamiAt(`${stranger}/page/plain.html`, { ...rest, ...credentials });
        assert.equal(user, undefined, "the page was let in");
        assert.equal(name, "ConnectionError");
        assert.match(message, /origin/i);
        assert.doesNotMatch(message, new RegExp(apiKey));
      }
    }));

  test("an origin that the cluster was told to allow is let in, and others are not", () =>
    withCluster({ origins: [`http://${STRANGER}:${pages.port}`] }, async ({ options }) => {
      const welcome = await whoamiAt(`http://${STRANGER}:${pages.port}/page/plain.html`, options);
      assert.ok(welcome.user, `the page was not let in: ${welcome.message}`);
      const elsewhere = await servePages(app);
      const refused = await whoamiAt(`http://${STRANGER}:${elsewhere.port}/page/plain.html`, options);
      await elsewhere.close();
      assert.equal(refused.name, "ConnectionError");
    }));

  test("a Content-Security-Policy that forbids WebAssembly is named in the error", () =>
    withCluster({}, async ({ options }) => {
      for (const [allowed, works] of [["'wasm-unsafe-eval'", true], ["", false]]) {
        const policy = `script-src 'self' 'unsafe-inline' ${allowed}`;
        const strict = await servePages(app, { "content-security-policy": policy });
        const said = await whoamiAt(`${strict.url}/page/plain.html`, options);
        await strict.close();
        if (works) assert.ok(said.user, said.message);
        else assert.match(said.message, /wasm-unsafe-eval/);
      }
    }));

  test("a .wasm that is not there is named in the error, and may come later", async () => {
    const page = join(app, "page/missing.html");
    const plain = await readFile(join(app, "page/plain.html"), "utf8");
    await writeFile(page, plain.replace("index.browser.js", "slim.js"));
    await withCluster({}, async ({ options }) => {
      const { code, message } = await whoamiAt(`${pages.url}/page/missing.html`, options);
      assert.equal(code, "FAILED_PRECONDITION");
      assert.match(message, /init/);

      const tab = await open(browser, `${pages.url}/page/missing.html`);
      await tab.page.waitForFunction(() => globalThis.walk);
      const user = await tab.run(async (options) => {
        const { Compute, init } = await import("boxd");
        const early = await init("/no-such.wasm").catch((error) => error.name);
        if (early !== "BoxdError") throw new Error(`a missing file gave ${early}`);
        await init("/node_modules/boxd/dist/boxd.wasm");
        return (await new Compute(options).whoami()).userId;
      }, options);
      assert.ok(user);
      await tab.close();
    });
  });
});
