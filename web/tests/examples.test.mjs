// The examples, as a reader would run them.

import assert from "node:assert/strict";
import { copyFile, cp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { installApp, run } from "./harness/app.mjs";
import { launch, open } from "./harness/browser.mjs";
import { startCluster } from "./harness/cluster.mjs";
import { servePages } from "./harness/pages.mjs";
import { ROOT, runtime } from "./harness/paths.mjs";

const PAGES = ["index.html", "terminal.html"];

describe("examples", () => {
  let app, cluster;

  before(async () => {
    app = await installApp("examples", [], ["@xterm/xterm"]);
    await cp(join(ROOT, "examples/node"), app, { recursive: true });
    for (const page of PAGES) await copyFile(join(ROOT, "examples/browser", page), join(app, page));
    cluster = await startCluster();
  });
  after(() => cluster?.stop());

  /** Runs an example as a reader does, and answers what it shows. */
  const show = async ([program, ...flags], name) => {
    const { apiUrl, exchangeUrl, apiKey } = cluster.options;
    const env = { ...process.env, BOXD_API_URL: apiUrl, BOXD_EXCHANGE_URL: exchangeUrl, BOXD_API_KEY: apiKey };
    return (await run(program, [...flags, `${name}.mjs`], { cwd: app, env })).stdout;
  };

  const runtimes = {
    node: [process.execPath],
    deno: [runtime("@deno/linux-x64-glibc/deno"), "run", "--quiet", "--allow-net", "--allow-env", "--allow-read"],
    bun: [runtime("@oven/bun-linux-x64/bin/bun"), "run"],
  };
  for (const [name, command] of Object.entries(runtimes)) {
    test(`quickstart in ${name}`, async () => {
      const stdout = await show(command, "quickstart");
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

  const areas = {
    commands: [
      /^exec +bar true$/m,
      /^stdout +line 1\nstdout +line 2\nstdout +line 3\nended +with exit code 3$/m,
      /^left +at y$/m,
      /^timeout +after early$/m,
      /^not found .*"\/no\/such\/file"/m,
      /^not found .*"nope"/m,
      /^refused +env: .*NOT A NAME/m,
    ],
    disks: [/^disk +\S+, 1073741824 bytes$/m, /^attached +to \S+ at \/mnt\/data$/m, /^read +carried over$/m, /^written +not: .*Read-only/m],
    files: [/^read +text content$/m, /^read +4 bytes$/m, /^listed +-rw-r--r-- +4 data\.bin$/m, /^listed +-rw-r--r-- +12 file\.txt$/m],
    networks: [/^default +\S+ \S+\/\d+ \S+$/m, /^unnamed +\S+ \S+\/\d+ \S+$/m, /^staging +\S+ \S+\/\d+ \S+$/m],
    proxies: [
      /^proxy +default: \S+ -> port 3000$/m,
      /^proxy +api: api\.\S+ -> port 3002$/m,
      /^domain +\S+\.example\.com -> \S+$/m,
      /^port +\S+:\d+ -> port 5432$/m,
    ],
    templates: [/^template +t-\d+: 2 vCPU, 4294967296 bytes$/m, /^box +from-t-\d+ of image ubuntu:latest$/m],
    tokens: [/^token +Token \{ expiresAt: \S+ \}$/m, /^account +\S+$/m, /^listed +until \S+Z$/m, /^revoked +\S+/m, /^API key +example bx\w+…$/m],
  };
  for (const [name, expected] of Object.entries(areas)) {
    test(`${name} in node`, async () => {
      const stdout = await show(runtimes.node, name);
      for (const line of expected) assert.match(stdout, line);
      assert.doesNotMatch(stdout, /eyJ/);
    });
  }

  test("every example is run", async () => {
    const there = (await readdir(join(ROOT, "examples/node"))).map((file) => file.replace(".mjs", ""));
    assert.deepEqual(there.sort(), [...Object.keys(areas), "quickstart"].sort());
    assert.deepEqual((await readdir(join(ROOT, "examples/browser"))).sort(), PAGES);
  });

  test("a shell in a page", async () => {
    const pages = await servePages(app);
    const browser = await launch();
    try {
      const { apiUrl, exchangeUrl, apiKey } = cluster.options;
      const hash = new URLSearchParams({ api: apiUrl, exchange: exchangeUrl });
      const { page } = await open(browser, `${pages.url}/terminal.html#${hash}`);
      const said = (text) => page.locator("#said", { hasText: text }).waitFor({ timeout: 30_000 });
      const shown = (text) => page.locator(".xterm-rows", { hasText: text }).waitFor({ timeout: 30_000 });

      await page.fill("#key", "bxk_wrong");
      await page.click("button");
      await page.locator("#said.wrong").waitFor({ timeout: 30_000 });
      await page.fill("#key", apiKey);
      await page.click("button");
      await said("a shell in ");
      await page.keyboard.type("stty size; echo it-$((40+2))\n");
      await shown("it-42");
      // As many as there is room for, which is more than a terminal's 80 by 24.
      assert.match(await page.textContent(".xterm-rows"), /(2[5-9]|[3-9]\d) (1\d\d|9\d)\D/);
      await page.keyboard.type("exit 3\n");
      await said("has ended with exit code 3");
    } finally {
      await browser.close();
      await pages.close();
    }
  });

  test("a page without a bundler", async () => {
    const pages = await servePages(app);
    const browser = await launch();
    try {
      const { apiUrl, exchangeUrl, apiKey } = cluster.options;
      const hash = new URLSearchParams({ api: apiUrl, exchange: exchangeUrl });
      const { page } = await open(browser, `${pages.url}/index.html#${hash}`);
      const failures = [];
      page.on("pageerror", (error) => failures.push(error));
      const output = page.locator("#output");
      const seen = (text) => output.filter({ hasText: text }).waitFor({ timeout: 30_000 });

      await page.fill("#key", apiKey);
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
