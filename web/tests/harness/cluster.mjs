// A real cluster of its own, on free ports, in a folder that goes away with it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import * as paths from "./paths.mjs";

/**
 * Starts `boxd-local serve`. `origins` are those that pages may call from; the cluster's default without. `apiKey` is one
 * that is valid; `null` lets the cluster make one. `faults` lets tests inject them.
 *
 * Answers what a `Compute` takes (`options`), and how to end the cluster.
 */
export async function startCluster({ origins = [], apiKey = "bxk_a-key-for-the-web-tests", faults = false } = {}) {
  const data = await mkdtemp(join(tmpdir(), "boxd-web-"));
  const flags = [...(faults ? ["--faults"] : []), ...origins.flatMap((origin) => ["--allow-origin", origin])];
  let said = "";
  const start = (api, web) =>
    serve(["--api", api, "--web", web, "--data", data, ...flags], apiKey, (piece) => (said += piece));
  let server = await start("127.0.0.1:0", "127.0.0.1:0");
  const { apiUrl, webUrl } = server;

  return {
    options: { apiUrl, exchangeUrl: `${webUrl}/api/v1/auth/token`, apiKey },
    /** The folder with all that it keeps. */
    data,
    /** All that it has written to its output and its log. */
    said: () => said,
    /** Lets calls fail, as the faults of `boxd-local` do it. */
    async inject(fault) {
      const headers = { authorization: `Bearer ${apiKey}`, "content-type": "application/json" };
      const answer = await fetch(`${webUrl}/faults`, { method: "POST", headers, body: JSON.stringify(fault) });
      if (!answer.ok) throw new Error(`the fault was not taken: ${await answer.text()}`);
    },
    /** How many files and connections the server has open. */
    openFiles: () => readdirSync(`/proc/${server.child.pid}/fd`).length,
    /** As if the machine had lost its power. */
    kill: () => end(server, "SIGKILL"),
    /** After `kill`: the same cluster, at the same place. */
    async restart() {
      server = await start(new URL(apiUrl).host, new URL(webUrl).host);
    },
    async stop() {
      await end(server, "SIGTERM");
      await rm(data, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function serve(flags, apiKey, hear) {
  const env = { ...process.env, ...(apiKey && { BOXD_LOCAL_API_KEY: apiKey }) };
  const child = spawn(paths.cluster(), ["serve", "--exchange-limit", "0", ...flags], { env, stdio: ["ignore", "pipe", "pipe"] });
  for (const output of [child.stdout, child.stderr]) output.setEncoding("utf8").on("data", hear);
  child.stderr.pipe(process.stderr, { end: false });
  const exit = once(child, "exit");
  const line = once(createInterface({ input: child.stdout }), "line");
  const [said] = await Promise.race([line, exit.then(() => ["nothing"])]);
  const [, apiUrl, webUrl] = said.match(/^ready api=(\S+) web=(\S+)$/) ?? [];
  if (!apiUrl) throw new Error(`boxd-local did not say that it is ready, but ${said}`);
  return { child, exit, apiUrl, webUrl };
}

async function end({ child, exit }, signal) {
  child.kill(signal);
  await exit;
}
