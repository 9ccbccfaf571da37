// The walk from the packed package in the other runtimes.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { build } from "esbuild";
import { installApp, run } from "./harness/app.mjs";
import { startCluster } from "./harness/cluster.mjs";
import { runtime } from "./harness/paths.mjs";
import { reportSteps } from "./harness/steps.mjs";

describe("runtimes", () => {
  let app, cluster;

  before(async () => {
    app = await installApp("runtimes", ["program", "workerd"]);
    cluster = await startCluster();
  });
  after(() => cluster?.stop());

  const programs = {
    deno: ["@deno/linux-x64-glibc/deno", "run", "--quiet", "--allow-net", "--allow-env", "--allow-read", "--node-modules-dir=manual"],
    bun: ["@oven/bun-linux-x64/bin/bun", "run"],
  };
  for (const [name, [program, ...flags]] of Object.entries(programs)) {
    test(name, async (t) => {
      const what = [...flags, "program/main.mjs", JSON.stringify(cluster.options)];
      const { stdout } = await run(runtime(program), what, { cwd: app });
      await reportSteps(t, JSON.parse(stdout));
    });
  }

  test("workerd", async (t) => {
    const folder = join(app, "workerd");
    await build({
      entryPoints: [join(folder, "worker.mjs")],
      outfile: join(folder, "worker.js"),
      bundle: true,
      format: "esm",
      conditions: ["workerd", "worker", "browser"],
      external: ["*.wasm"],
      logLevel: "warning",
    });
    await copyFile(join(app, "node_modules/boxd/dist/boxd.wasm"), join(folder, "boxd.wasm"));

    const child = spawn(runtime("@cloudflare/workerd-linux-64/bin/workerd"), ["serve", "config.capnp", "--control-fd=3"], {
      cwd: folder,
      stdio: ["ignore", "inherit", "inherit", "pipe"],
    });
    try {
      const port = await portOf(child);
      const answer = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: JSON.stringify(cluster.options) });
      await reportSteps(t, await answer.json());
    } finally {
      child.kill();
      await once(child, "exit");
    }
  });
});

/** workerd tells the port it took on its control pipe, a JSON text a line. */
async function portOf(child) {
  let said = "";
  for await (const piece of child.stdio[3]) {
    said += piece;
    for (const line of said.split("\n").slice(0, -1)) {
      const { event, port } = JSON.parse(line);
      if (event === "listen") return port;
    }
  }
  throw new Error("workerd ended before it listened");
}
