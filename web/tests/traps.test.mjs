// A failure inside the core, which cannot go on after it: whoever waits is told, and so is whoever calls later.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { installApp } from "./harness/app.mjs";
import { startCluster } from "./harness/cluster.mjs";

const execute = promisify(execFile);

/** What no address space of 32 bits holds: the core has no room for it. */
const TOO_MUCH = 2 ** 31;

/** Each in a process of its own, since nothing of the package works there afterwards. */
const PROVOKE = {
  "in a call": `await box.exec(["cat"], { stdin: new Uint8Array(${TOO_MUCH}) })`,
  "in work that had begun": `
    Blob.prototype.arrayBuffer = async () => new ArrayBuffer(${TOO_MUCH});
    await box.writeFile(new Blob(["x"]), "/root/x")`,
  // An exception that passes through the core leaves it as broken.
  "in what a timer or a promise began": `
    const [{ fetch }, { decode }] = [globalThis, TextDecoder.prototype];
    globalThis.fetch = (...given) => {
      globalThis.fetch = fetch;
      TextDecoder.prototype.decode = function (...bytes) {
        if (!new Error().stack.includes("wasm://")) return decode.apply(this, bytes);
        TextDecoder.prototype.decode = decode;
        throw new Error("no decode");
      };
      return fetch(...given);
    };
    await compute.whoami()`,
};

const program = (provoke) => `
  import { BoxdError, Compute } from "boxd";
  const compute = new Compute(JSON.parse(process.argv[1]));
  const box = await compute.box.create({ config: { cmd: ["sleep", "infinity"] } });
  await box.waitUntilReady();
  const told = (promise) => promise.then(() => "kept", (error) => error);
  const command = await box.exec(["sleep", "600"], { stream: true });
  const waiting = [box.exec(["sleep", "600"]), command.wait(), command.stdout.next(), box.streamLogs({ follow: true }).bytes()].map(told);
  const begun = told((async () => { ${provoke} })());
  const errors = await Promise.all([begun, ...waiting, told(compute.whoami()), told(new Compute({ token: "x" }).config())]);
  errors.push(await told((async () => command.kill())()));
  console.log(JSON.stringify(errors.map((error) => ({
    name: error.name, boxd: BoxdError.is(error), message: error.message, outcomeUnknown: error.outcomeUnknown,
    cause: String(error.cause),
  }))));
  process.exit();
`;

describe("traps", () => {
  let app, cluster;

  before(async () => {
    app = await installApp("traps");
    cluster = await startCluster();
  });
  after(() => cluster?.stop());

  for (const [where, provoke] of Object.entries(PROVOKE)) {
    test(`a failure ${where} rejects all that is under way, and all that follows`, async () => {
      const flags = ["--input-type=module", "--eval", program(provoke), JSON.stringify(cluster.options)];
      const { stdout } = await execute(process.execPath, flags, { cwd: app, timeout: 120_000, killSignal: "SIGKILL" });
      const errors = JSON.parse(stdout);
      assert.equal(errors.length, 8);
      for (const { name, boxd, message, outcomeUnknown, cause } of errors) {
        assert.deepEqual({ name, boxd, outcomeUnknown }, { name: "InternalError", boxd: true, outcomeUnknown: true }, message);
        assert.match(message, /failed inside.*report/);
        assert.match(cause, /RuntimeError: unreachable|Error: no decode/);
      }
    });
  }
});
