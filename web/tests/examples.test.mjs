// The examples, as a reader would run them.

import assert from "node:assert/strict";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { installApp, run } from "./harness/app.mjs";
import { launch, open } from "./harness/browser.mjs";
import { startCluster } from "./harness/cluster.mjs";
import { servePages } from "./harness/pages.mjs";
import { ROOT, runtime } from "./harness/paths.mjs";

describe("examples", () => {
  let app, cluster;

  before(async () => {
    app = await installApp("examples");
    for (const file of ["node/quickstart.mjs", "browser/index.html"]) {
      await copyFile(join(ROOT, "examples", file), join(app, file.split("/")[1]));
    }
    cluster = await startCluster();
  });
  after(() => cluster?.stop());

  const runtimes = {
    node: [process.execPath],
    deno: [runtime("@deno/linux-x64-glibc/deno"), "run", "--quiet", "--allow-net", "--allow-env", "--allow-read"],
    bun: [runtime("@oven/bun-linux-x64/bin/bun"), "run"],
  };
  for (const [name, [program, ...flags]] of Object.entries(runtimes)) {
    test(`quickstart in ${name}`, async () => {
      const { apiUrl, exchangeUrl, apiKey } = cluster.options;
      const env = { ...process.env, BOXD_API_URL: apiUrl, BOXD_EXCHANGE_URL: exchangeUrl, BOXD_API_KEY: apiKey };
      const { stdout } = await run(program, [...flags, "quickstart.mjs"], { cwd: app, env });
      const expected = [
        /^whoami +\S+ \(image \S+, zone \S+\)$/m,
        /^exec +hello, exit code 0$/m,
        /^stream +1\nstream +2\nstream +3\nstream +exit code 4$/m,
        /^stdin +the sum is 42$/m,
        /^write +4194304 bytes$/m,
        /^read +4194304 bytes, the same$/m,
        /^log +hello from the main process$/m,
        /^abort +TimeoutError$/m,
        /^fork +\S+ has sum\.py: true$/m,
        /^destroy +\S+ is gone$/m,
      ];
      for (const line of expected) assert.match(stdout, line);
    });
  }

  test("a page without a bundler", async () => {
    const pages = await servePages(app);
    const browser = await launch();
    try {
      const { apiUrl, exchangeUrl, apiKey } = cluster.options;
      const hash = new URLSearchParams({ api: apiUrl, exchange: exchangeUrl, key: apiKey });
      const { page } = await open(browser, `${pages.url}/index.html#${hash}`);
      const failures = [];
      page.on("pageerror", (error) => failures.push(error));
      const output = page.locator("#output");
      const seen = (text) => output.filter({ hasText: text }).waitFor({ timeout: 30_000 });

      await page.click("#create");
      await seen("is ready.");
      assert.equal(await page.textContent("#status"), "running");

      await page.click("#run");
      await seen("step 1 of 5");
      assert.doesNotMatch(await output.textContent(), /step 5 of 5\n/, "the output came in one piece");
      await seen(/step 5 of 5\nLinux \S+\nexit code 0/);

      await page.fill("#command", "echo out; echo err >&2; sleep 300");
      await page.click("#run");
      await seen(/out\n[^]*err|err\n[^]*out/);
      assert.equal((await page.textContent("#output .stderr")).trim(), "err");
      await page.click("#stop");
      await seen("stopped");

      await page.setInputFiles("#file", { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("from the page") });
      await seen("notes.txt: 13 bytes written");
      await page.fill("#command", "cat notes.txt");
      await page.press("#command", "Enter");
      await seen(/\$ cat notes\.txt\nfrom the page/);

      await page.click("#destroy");
      await seen("is gone.");
      assert.deepEqual(failures, []);
    } finally {
      await browser.close();
      await pages.close();
    }
  });
});
