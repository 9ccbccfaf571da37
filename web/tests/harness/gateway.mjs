// A gateway of its own, on a free port.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import * as paths from "./paths.mjs";

/**
 * Starts `boxd-local gateway` in front of a cluster of the harness. It holds the cluster's key if `holdsKey`, and then
 * answers the `secret` for pages.
 */
export async function startGateway({ options: { apiUrl, exchangeUrl, apiKey } }, { holdsKey = false } = {}) {
  const flags = ["gateway", "--listen", "127.0.0.1:0", "--upstream", apiUrl, "--exchange-url", exchangeUrl];
  const { BOXD_API_KEY: _, ...env } = process.env;
  if (holdsKey) env.BOXD_API_KEY = apiKey;
  const child = spawn(paths.cluster(), flags, { env, stdio: ["ignore", "pipe", holdsKey ? "pipe" : "inherit"] });
  const exit = once(child, "exit");
  const line = async (stream) => {
    const first = once(createInterface({ input: stream }), "line");
    const [said] = await Promise.race([first, exit.then(() => ["nothing"])]);
    return said;
  };
  const [ready, secret] = await Promise.all([line(child.stdout), holdsKey ? line(child.stderr) : ""]);
  const url = ready.match(/^ready gateway=(\S+)$/)?.[1];
  if (!url) throw new Error(`boxd-local did not say that it is ready, but ${ready}`);
  return {
    options: { apiUrl: url, exchangeUrl: `${url}/api/v1/auth/token`, apiKey: holdsKey ? secret.split(" ").at(-1) : apiKey },
    async stop() {
      child.kill("SIGTERM");
      await exit;
    },
  };
}
