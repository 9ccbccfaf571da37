// The walk in a page that a bundler made from the packed package, as a production build and as its dev server gives it.

import assert from "node:assert/strict";
import { copyFile, cp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import { build as esbuild } from "esbuild";
import { rollup } from "rollup";
import { build as viteBuild, createServer } from "vite";
import webpack from "webpack";
import { installApp } from "./harness/app.mjs";
import { launch, open } from "./harness/browser.mjs";
import { startCluster } from "./harness/cluster.mjs";
import { servePages } from "./harness/pages.mjs";
import { reportSteps } from "./harness/steps.mjs";

describe("bundlers", () => {
  let app, cluster, browser;

  before(async () => {
    app = await installApp("bundlers", ["page"]);
    cluster = await startCluster();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await cluster?.stop();
  });

  const walkAt = async (t, url) => {
    const page = await open(browser, url);
    const once = (options) =>
      new Promise((resolve, reject) => {
        const start = () => globalThis.walk(options).then(resolve, reject);
        if (globalThis.walk) start();
        else globalThis.addEventListener("boxd", start);
      });
    await reportSteps(t, await page.run(once, cluster.options));
    await page.close();
  };
  const walkIn = async (t, folder) => {
    const pages = await servePages(folder);
    try {
      await walkAt(t, `${pages.url}/`);
    } finally {
      await pages.close();
    }
  };
  /** The page that names the bundle, beside it. */
  const withPage = (folder) => copyFile(join(app, "page/index.html"), join(folder, "index.html"));

  test("vite build", async (t) => {
    const out = join(app, "vite");
    await viteBuild({
      root: join(app, "page"),
      base: "./",
      logLevel: "warn",
      build: { outDir: out, rollupOptions: { input: join(app, "page/index.html") } },
    });
    const assets = await readdir(join(out, "assets"));
    assert.equal(assets.filter((name) => name.endsWith(".wasm")).length, 1, `one .wasm is in ${assets}`);
    await walkIn(t, out);
  });

  test("vite dev", async (t) => {
    const server = await createServer({
      root: app,
      logLevel: "warn",
      cacheDir: join(app, "vite-cache"),
      server: { host: "127.0.0.1", port: 0, hmr: false },
    });
    await server.listen();
    try {
      await walkAt(t, `http://127.0.0.1:${server.httpServer.address().port}/page/index.html`);
    } finally {
      await server.close();
    }
  });

  for (const mode of ["production", "development"]) {
    test(`webpack ${mode}`, async (t) => {
      const out = join(app, `webpack-${mode}`);
      const config = {
        mode,
        context: app,
        entry: join(app, "page/main.mjs"),
        output: { path: out, filename: "main.mjs" },
        // Weight has a test of its own.
        performance: { hints: false },
      };
      await new Promise((resolve, reject) => {
        webpack(config, (error, stats) => {
          if (error) reject(error);
          else if (stats.hasErrors() || stats.hasWarnings()) reject(new Error(stats.toString("errors-warnings")));
          else resolve();
        });
      });
      await withPage(out);
      await walkIn(t, out);
    });
  }

  const bundlers = {
    esbuild: (input, outfile) =>
      esbuild({ entryPoints: [input], outfile, bundle: true, minify: true, format: "esm", logLevel: "warning" }),
    rollup: async (input, file) => {
      const onwarn = (warning) => {
        throw new Error(warning.message);
      };
      const bundle = await rollup({ input, plugins: [nodeResolve({ browser: true })], onwarn });
      await bundle.write({ file, format: "es" });
      await bundle.close();
    },
  };
  // Neither copies what `new URL("./boxd.wasm", import.meta.url)` names. So it is copied by hand, or travels inside the
  // bundle, or the page says where it is.
  const ways = { main: "boxd.wasm", inline: undefined, slim: "assets/core.wasm" };
  for (const [name, bundle] of Object.entries(bundlers)) {
    for (const [way, wasm] of Object.entries(ways)) {
      test(`${name}, ${way}`, async (t) => {
        const out = join(app, `${name}-${way}`);
        await bundle(join(app, `page/${way}.mjs`), join(out, "main.mjs"));
        if (wasm) await cp(join(app, "node_modules/boxd/dist/boxd.wasm"), join(out, wasm));
        await withPage(out);
        await walkIn(t, out);
      });
    }
  }
});
