// An API key, and every token that it is exchanged for, goes where it belongs and shows nowhere else: the walk with a canary
// for a key, in a page, a worker and Node, and a look into every place that keeps or shows something. A decoy that is let out
// on purpose must be found in each of these places: a search that finds nothing proves something only if it could have.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { inspect } from "node:util";
import { chromium } from "playwright-core";
import { WebSocket } from "ws";
import { installApp } from "./harness/app.mjs";
import { startCluster } from "./harness/cluster.mjs";
import { consoleOf, trace } from "./harness/devtools.mjs";
import { FLAGS } from "./harness/flags.mjs";
import { servePages } from "./harness/pages.mjs";
import * as paths from "./harness/paths.mjs";
import { allFiles, networkLog, searcher } from "./harness/secrets.mjs";

const random = () => randomBytes(24).toString("hex");
const CANARY = `bxk_${random()}`;
const DECOY = random();

/** By name: a place in which something may show, as text or bytes. */
const PLACES = [
  ...["URLs", "network log", "trace", "console", "document", "history", "browser's folder"],
  ...["localStorage", "sessionStorage", "cookies", "IndexedDB", "CacheStorage", "private file system"],
  ...["page", "worker"].flatMap((host) => [`objects of the ${host}`, `performance entries of the ${host}`]),
  "objects of Node",
];

describe("canary", () => {
  let folder, cluster, chatty, pages;
  const places = {};
  const walked = {};
  const findDecoy = searcher([DECOY]);
  let findSecret;
  /** All that is secret: the key, the tokens that went over the wire, what was issued in the walk. */
  const secrets = new Set([CANARY]);

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "boxd-canary-"));
    const app = await installApp("canary", ["canary"]);
    cluster = await startCluster({ apiKey: CANARY });
    // One that makes itself a key shows it and keeps it.
    chatty = await startCluster({ apiKey: null });
    pages = await servePages(app);
    await walkInChromium();
    await walkInNode(app);
    // Of a token its signature, its end: that stays when a console shortens it, and nobody can make it up.
    findSecret = searcher([...secrets].map((secret) => secret.split(".").at(-1)));
  });
  after(async () => {
    await pages?.close();
    await cluster?.stop();
    await chatty?.stop();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  const take = (host, { results, secrets: issued, objects, performance }) => {
    walked[host] = results;
    for (const secret of issued) secrets.add(secret);
    places[`objects of ${host}`] = objects;
    if (host === "the worker") places[`performance entries of ${host}`] = performance;
  };

  async function walkInChromium() {
    const [profile, log] = [join(folder, "profile"), join(folder, "net-log.json")];
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: paths.chromium(),
      headless: true,
      args: [...FLAGS, `--log-net-log=${log}`, "--net-log-capture-mode=IncludeSensitive"],
    });
    try {
      const page = await context.newPage();
      const session = await context.newCDPSession(page);
      const lines = await consoleOf(session);
      const endTrace = await trace(session);
      await page.goto(`${pages.url}/canary/index.html`);
      await page.waitForFunction(() => globalThis.watched);

      const given = { options: cluster.options, decoy: DECOY };
      take("the page", await page.evaluate(({ options, decoy }) => globalThis.watched(options, decoy), given));
      const inWorker = (given) =>
        new Promise((resolve, reject) => {
          const worker = new Worker("worker.mjs", { type: "module" });
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = ({ message }) => reject(new Error(`the worker failed: ${message}`));
          worker.postMessage(given);
        });
      take("the worker", await page.evaluate(inWorker, given));

      // Last of all, so that it would be found only where nothing was dropped for want of room.
      await page.evaluate((decoy) => globalThis.spill(decoy), DECOY);
      Object.assign(places, await page.evaluate(() => globalThis.contents()));
      places.trace = await endTrace();
      places.console = lines.join("\n");
    } finally {
      await context.close();
    }
    const { urls, tokens, rest } = await networkLog(log);
    for (const token of tokens.filter(isIssued)) secrets.add(token);
    places.URLs = urls.join("\n");
    places["network log"] = rest;
    places["browser's folder"] = await allFiles(profile);
  }

  async function walkInNode(app) {
    const boxd = await import(`${app}/node_modules/boxd/dist/index.inline.js`);
    const { watched } = await import(`${app}/canary/watch.mjs`);
    const asNodeShows = (value) => inspect(value, { depth: 20, showHidden: true });
    take("Node", await watched(boxd, cluster.options, DECOY, asNodeShows, WebSocket));
  }

  test("the walk was walked to its end", () => {
    assert.deepEqual(Object.keys(walked), ["the page", "the worker", "Node"]);
    for (const [host, results] of Object.entries(walked)) {
      assert.ok(results.length > 80, `${results.length} steps in ${host}`);
      assert.deepEqual(results.filter(({ error }) => error), [], `in ${host}`);
      assert.equal(findSecret(JSON.stringify(results)), undefined);
    }
  });

  test("requests and WebSockets of the page and the worker were seen, and their tokens", () => {
    const { apiUrl, exchangeUrl } = cluster.options;
    for (const url of [exchangeUrl, `${apiUrl}/boxd.api.v1.BoxdApi/Whoami`, `${apiUrl.replace("http", "ws")}/boxd.api.v1.BoxdApi/Exec`]) {
      assert.ok(places.URLs.split("\n").includes(url), `${url} is not among ${places.URLs.slice(0, 2000)}`);
    }
    // An exchange a client and tokens that the walk itself asks for, in each host.
    assert.ok([...secrets].filter((secret) => secret.startsWith("eyJ")).length > 10, `${secrets.size} secrets`);
    assert.ok([...secrets].filter((secret) => secret.startsWith("bxk_")).length > 3, `${secrets.size} secrets`);
  });

  for (const place of PLACES) {
    test(`${place}: no secret, and the decoy`, () => {
      const content = places[place];
      assert.ok(content?.length > 0, "this place was not looked at");
      assert.equal(findSecret(content), undefined, "a secret shows there");
      assert.ok(findDecoy(content), "the decoy is not found there");
    });
  }

  test("the cluster: nothing in its log and its folder, where one that makes its own key shows it", async () => {
    const own = (await readFile(join(chatty.data, "api-key"), "utf8")).trim();
    const findOwn = searcher([own]);
    assert.ok(findOwn(chatty.said()), "its log is not heard");
    assert.ok(findOwn(await allFiles(chatty.data)), "its folder is not seen");
    assert.ok(cluster.said().length > 0);
    assert.equal(findSecret(cluster.said()), undefined, "its log shows a secret");
    assert.equal(findSecret(await allFiles(cluster.data)), undefined, "its folder holds a secret");
  });
});

/** Whether a token came from a cluster: the walk makes up some that did not. */
function isIssued(token) {
  const [, claims, signature] = token.split(".");
  return Boolean(signature && JSON.parse(Buffer.from(claims, "base64url")).jti);
}
