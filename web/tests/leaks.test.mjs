// 20,000 unary calls and 1,000 streams dropped halfway: memory levels off, here and at the server.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { installApp, run } from "./harness/app.mjs";
import { launch, open } from "./harness/browser.mjs";
import { startCluster } from "./harness/cluster.mjs";
import { servePages } from "./harness/pages.mjs";

const MIB = 2 ** 20;

describe("leaks", () => {
  let app, cluster, compute, box;

  before(async () => {
    app = await installApp("leaks", ["program", "page"]);
    cluster = await startCluster();
    const { Compute } = await import(`${app}/node_modules/boxd/dist/index.inline.js`);
    compute = new Compute(cluster.options);
    box = await compute.box.create({ config: { cmd: ["sh", "-c", "echo booted; exec sleep infinity"] } });
    await box.waitUntilReady();
  });
  after(() => cluster?.stop());

  const level = async (t, measure) => {
    const before = cluster.openFiles();
    const parts = await measure();
    for (const [part, rounds] of Object.entries(parts)) {
      await t.test(`${part}: memory levels off`, (t) => {
        t.diagnostic(JSON.stringify(rounds));
        const wasm = rounds.map((round) => round.wasm);
        assert.ok(wasm[0] > 0, "no WebAssembly memory was seen");
        // It never shrinks, and grows by pages of 64 KiB. A new peak may come late; a leak shows in every round.
        const steady = wasm.at(-1) === wasm.at(-2) || wasm.at(-2) === wasm.at(-3);
        assert.ok(steady, `WebAssembly memory still grows: ${wasm} bytes`);
        const grown = rounds.at(-1).heap - rounds[1].heap;
        assert.ok(grown < MIB / 2, `the JavaScript heap grew by ${grown} bytes`);
      });
    }
    await t.test("the server has let go of everything", async () => {
      const { stdout } = await box.execShell("n=0; while pgrep -x yes >/dev/null && [ $n -lt 500 ]; do sleep 0.02; n=$((n+1)); done; pgrep -cx yes");
      assert.equal(stdout.trim(), "0", "commands that still run");
      const left = cluster.openFiles() - before;
      assert.ok(left < 20, `${left} more files are open at the server`);
    });
  };

  test("node", (t) =>
    level(t, async () => {
      const what = ["--expose-gc", "program/leaks.mjs", JSON.stringify(cluster.options), box.name];
      return JSON.parse((await run(process.execPath, what, { cwd: app })).stdout);
    }));

  test("chromium", (t) =>
    level(t, async () => {
      const pages = await servePages(app);
      const browser = await launch("--enable-precise-memory-info");
      try {
        const page = await open(browser, `${pages.url}/page/leaks.html`);
        await page.page.waitForFunction(() => globalThis.leaks);
        const rounds = await page.run((what) => globalThis.leaks(what), { options: cluster.options, name: box.name });
        await page.close();
        return rounds;
      } finally {
        await browser.close();
        await pages.close();
      }
    }));
});
