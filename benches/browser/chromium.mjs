// Chromium over its own debugging protocol, by pipe. Not Playwright: that turns on the Network domain, which copies
// request bodies and takes half of the unary calls' speed away.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FLAGS } from "../../web/tests/harness/flags.mjs";

const OWN_FLAGS = ["--headless", "--remote-debugging-pipe"];

export async function launch(executable) {
  const profile = await mkdtemp(join(tmpdir(), "boxd-bench-"));
  const child = spawn(executable, [...OWN_FLAGS, ...FLAGS, `--user-data-dir=${profile}`, "about:blank"], {
    stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
  });
  const send = connection(child);

  return {
    /** Opens a page in a context of its own: no cache, no connection of another page. */
    async open(url) {
      const { browserContextId } = await send("Target.createBrowserContext");
      const { targetId } = await send("Target.createTarget", { url: "about:blank", browserContextId });
      const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
      const evaluate = async (expression) => {
        const parameters = { expression, awaitPromise: true, returnByValue: true };
        const { result, exceptionDetails } = await send("Runtime.evaluate", parameters, sessionId);
        if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
        return result.value;
      };
      await send("Page.enable", {}, sessionId);
      const loaded = send.event("Page.loadEventFired", sessionId);
      await send("Page.navigate", { url }, sessionId);
      await loaded;
      return { evaluate, close: () => send("Target.disposeBrowserContext", { browserContextId }) };
    },

    /** Seconds of processor that all renderers have used. */
    async rendererSeconds() {
      const { processInfo } = await send("SystemInfo.getProcessInfo");
      return processInfo.filter(({ type }) => type === "renderer").reduce((sum, { cpuTime }) => sum + cpuTime, 0);
    },

    async close() {
      const ended = once(child, "exit");
      await send("Browser.close");
      await ended;
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** JSON messages with a NUL after each: fd 3 takes them, fd 4 gives them. */
function connection(child) {
  const [, , , input, output] = child.stdio;
  const answers = new Map();
  const events = [];
  let last = 0;
  let rest = "";

  const receive = ({ id, method, sessionId, result, error }) => {
    if (id) {
      const { resolve, reject, what } = answers.get(id);
      answers.delete(id);
      if (error) reject(new Error(`${what}: ${error.message}`));
      else resolve(result);
      return;
    }
    const at = events.findIndex((one) => one.method === method && one.sessionId === sessionId);
    if (at >= 0) events.splice(at, 1)[0].resolve();
  };
  output.setEncoding("utf8").on("data", (text) => {
    const parts = (rest + text).split("\0");
    rest = parts.pop();
    for (const part of parts) receive(JSON.parse(part));
  });
  child.on("exit", (code, signal) => {
    for (const { reject, what } of answers.values()) reject(new Error(`${what}: Chromium ended (${code ?? signal})`));
  });
  child.on("error", (error) => {
    for (const { reject } of answers.values()) reject(error);
  });
  input.on("error", () => {});

  const send = (method, params = {}, sessionId) =>
    new Promise((resolve, reject) => {
      const id = ++last;
      answers.set(id, { resolve, reject, what: method });
      input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  send.event = (method, sessionId) => new Promise((resolve) => events.push({ method, sessionId, resolve }));
  return send;
}
