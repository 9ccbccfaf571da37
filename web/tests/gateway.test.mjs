// The package in a page, through a gateway: with a key of its own, and with nothing but the gateway's secret.

import { deepEqual, equal } from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { installApp } from "./harness/app.mjs";
import { launch, open } from "./harness/browser.mjs";
import { startCluster } from "./harness/cluster.mjs";
import { startGateway } from "./harness/gateway.mjs";
import { servePages } from "./harness/pages.mjs";
import { reportSteps } from "./harness/steps.mjs";

describe("gateway", () => {
  let cluster, gateways, pages, browser;

  before(async () => {
    const app = await installApp("gateway", ["page"]);
    cluster = await startCluster();
    gateways = await Promise.all([startGateway(cluster), startGateway(cluster, { holdsKey: true })]);
    pages = await servePages(app);
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await pages?.close();
    for (const gateway of gateways ?? []) await gateway.stop();
    await cluster?.stop();
  });

  test("the walk", async (t) => {
    const page = await open(browser, `${pages.url}/page/plain.html`);
    // A step takes what answers the exchange for a server that is no API, which a gateway is.
    const options = { ...gateways[0].options, exchangeUrl: cluster.options.exchangeUrl };
    await reportSteps(t, await page.run((options) => globalThis.walk(options), options));
    await page.close();
  });

  test("a page without a key", async () => {
    const page = await open(browser, `${pages.url}/page/plain.html`);
    const seen = await page.run(async (options) => {
      const { Compute } = await import("boxd");
      const fails = (call) => call.then(() => "it did not fail", ({ name, code }) => `${name} ${code}`);
      const compute = new Compute(options);
      const box = await compute.box.create({ name: "keyless" });
      await box.waitUntilReady();
      const shell = await box.exec(["bash"], { interactive: true, cols: 90, rows: 30 });
      await shell.stdin.write("stty size; exit 5\n");
      let output = "";
      for await (const piece of shell.stdout) output += new TextDecoder().decode(piece);
      return {
        size: output.includes("30 90"),
        exitCode: await shell.wait(),
        missing: await fails(compute.box.get("nobody")),
        token: await fails(compute.token.create()),
        key: await fails(compute.apiKey.create({ name: "mine" })),
        stranger: await fails(new Compute({ ...options, apiKey: "gateway_of_another_start" }).whoami()),
      };
    }, gateways[1].options);
    deepEqual(seen, {
      size: true,
      exitCode: 5,
      missing: "NotFoundError NOT_FOUND",
      token: "AuthenticationError PERMISSION_DENIED",
      key: "AuthenticationError PERMISSION_DENIED",
      stranger: "AuthenticationError UNAUTHENTICATED",
    });
    await page.close();
  });

  test("a page of elsewhere", async () => {
    const elsewhere = pages.url.replace("127.0.0.1", "elsewhere.localhost");
    const page = await open(browser, `${elsewhere}/page/plain.html`);
    const code = await page.run(async (options) => {
      const { Compute } = await import("boxd");
      return new Compute(options).whoami().then(() => "it did not fail", ({ code }) => code);
    }, gateways[1].options);
    equal(code, "UNAVAILABLE");
    await page.close();
  });
});
