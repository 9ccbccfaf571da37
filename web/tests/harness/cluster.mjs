// A real cluster of its own, on free ports, in a folder that goes away with it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import * as paths from "./paths.mjs";

const API_KEY = "bxk_a-key-for-the-web-tests";

/**
 * Starts `boxd-local serve`. `origins` are those that pages may call from; the cluster's default without.
 *
 * Answers what a `Compute` takes (`options`), and how to end the cluster.
 */
export async function startCluster({ origins = [] } = {}) {
  const data = await mkdtemp(join(tmpdir(), "boxd-web-"));
  const allowed = origins.flatMap((origin) => ["--allow-origin", origin]);
  let server = await serve(data, "127.0.0.1:0", "127.0.0.1:0", allowed);
  const { apiUrl, webUrl } = server;

  return {
    options: { apiUrl, exchangeUrl: `${webUrl}/api/v1/auth/token`, apiKey: API_KEY },
    /** How many files and connections the server has open. */
    openFiles: () => readdirSync(`/proc/${server.child.pid}/fd`).length,
    /** As if the machine had lost its power. */
    kill: () => end(server, "SIGKILL"),
    /** After `kill`: the same cluster, at the same place. */
    async restart() {
      server = await serve(data, new URL(apiUrl).host, new URL(webUrl).host, allowed);
    },
    async stop() {
      await end(server, "SIGTERM");
      await rm(data, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function serve(data, api, web, flags) {
  const what = ["serve", "--api", api, "--web", web, "--data", data, "--exchange-limit", "0", ...flags];
  const env = { ...process.env, BOXD_LOCAL_API_KEY: API_KEY };
  const child = spawn(paths.cluster(), what, { env, stdio: ["ignore", "pipe", "inherit"] });
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
