// Errors: each of its class, each with a sentence that helps.

import { equal, ok, rejects } from "./check.mjs";

export const steps = {
  async "a box that is not there is not found"({ compute, boxd }) {
    const error = await rejects(compute.box.get("no-such-box"), boxd.NotFoundError);
    ok(error instanceof boxd.BoxdError && error instanceof Error, "it is no BoxdError");
    ok(boxd.BoxdError.is(error) && boxd.NotFoundError.is(error), "its brand is not known");
    ok(!boxd.TimeoutError.is(error) && !boxd.BoxdError.is(new Error("x")), "a brand is known where there is none");
    equal([error.name, error.code, error.grpcCode], ["NotFoundError", "NOT_FOUND", 5]);
    equal([error.retryable, error.outcomeUnknown], [false, false]);
    ok(error.message.includes("no-such-box"), `it does not name the box: ${error.message}`);
    ok(Object.prototype.toString.call(error) === "[object Error]", "it is no Error to others");
  },

  async "a name that is taken cannot be used again"({ compute, boxd, box }) {
    const error = await rejects(compute.box.create({ name: box.name }), boxd.InvalidArgumentError);
    ok(error.message.includes(box.name), `it does not name the box: ${error.message}`);
  },

  async "a configuration that cannot be right is refused"({ compute, boxd }) {
    const volume = { diskId: "d", mountPath: "mnt" };
    const wrong = [
      [{ memory: "lots" }, "memory: "],
      [{ disk: -1 }, "disk: "],
      [{ disk: {} }, "disk: "],
      [{ vcpu: -1 }, "vcpu: "],
      [{ vcpu: "2" }, "vcpu: "],
      [{ autoSuspendTimeoutSecs: Number.NaN }, "autoSuspendTimeoutSecs: "],
      [{ autoDestroyTimeoutSecs: "1" }, "autoDestroyTimeoutSecs: "],
      [{ env: { "A; touch": "x" } }, "env: "],
      [{ env: { A: "\0" } }, "env: "],
      [{ env: { A: 1 } }, "value: "],
      [{ cmd: "true" }, "cmd: "],
      [{ restartPolicy: 1 }, "restartPolicy: "],
      [{ network: { proxies: [{ name: "p", port: 65_536 }] } }, "port: "],
      [{ network: { ssh: 1 } }, "ssh: "],
      [{ volumes: [volume] }, "volumes: "],
      [{ volumes: [{ ...volume, diskId: "" }] }, "diskId: "],
      [{ volumes: [{ ...volume, mountPath: "/mnt", readOnly: 1 }] }, "readOnly: "],
    ];
    for (const [config, what] of wrong) {
      const { message, grpcCode } = await rejects(compute.box.create({ config }), boxd.InvalidArgumentError);
      ok(message.startsWith(what) && grpcCode === undefined, `it was not refused as ${what}: ${message}`);
    }
    await rejects(compute.box.create({ name: "Not A Name" }), boxd.InvalidArgumentError);
    for (const config of [{ env: { A: "b" } }, { cmd: ["true"] }, { restartPolicy: "never" }]) {
      // Before the source is asked for.
      const { message } = await rejects(compute.box.fork("no-such-box", { config }), boxd.InvalidArgumentError);
      ok(message.startsWith("config: "), message);
    }
  },

  async "a variable's name that is none is refused"({ box, boxd }) {
    await rejects(box.exec(["true"], { env: { "A; touch /tmp/injected": "x" } }), boxd.InvalidArgumentError);
    equal((await box.execShell("ls /tmp | grep -c injected")).stdout, "0\n", "files written");
  },

  async "a wrong key is an authentication error and shows nowhere"({ boxd, options }) {
    const apiKey = "bxk_this-key-is-wrong";
    const compute = new boxd.Compute({ ...options, apiKey });
    const error = await rejects(compute.whoami(), boxd.AuthenticationError);
    equal([error.name, error.code], ["AuthenticationError", "UNAUTHENTICATED"]);
    const shown = `${error.message} ${error.stack} ${JSON.stringify(error)} ${JSON.stringify(compute)} ${error.cause}`;
    ok(!shown.includes(apiKey), "the key shows");
  },

  async "a wrong token is an authentication error"({ boxd, options: { apiUrl } }) {
    const compute = new boxd.Compute({ apiUrl, token: "eyJhbGciOiJIUzI1NiJ9.e30.not-signed" });
    const error = await rejects(compute.box.list(), boxd.AuthenticationError);
    equal([error.code, error.grpcCode], ["UNAUTHENTICATED", 16]);
  },

  async "no credentials at all are an authentication error"({ boxd, options: { apiUrl } }) {
    await rejects(new boxd.Compute({ apiUrl }).whoami(), boxd.AuthenticationError);
  },

  async "a server that is not there is a connection error that says where"({ boxd, options }) {
    // Port 1 is closed everywhere, and browsers refuse it by themselves: both count.
    const apiUrl = "http://127.0.0.1:1";
    const compute = new boxd.Compute({ ...options, apiUrl, retries: 0 });
    const error = await rejects(compute.whoami(), boxd.ConnectionError);
    equal([error.code, error.retryable], ["UNAVAILABLE", true]);
    ok(error.message.includes(apiUrl.slice("http://".length)), `it does not say where: ${error.message}`);
  },

  async "a server that is none of ours is told apart"({ boxd, options }) {
    // The web port answers, but no gRPC.
    const apiUrl = new URL(options.exchangeUrl).origin;
    const error = await rejects(new boxd.Compute({ ...options, apiUrl, retries: 0 }).whoami(), boxd.BoxdError);
    ok(/grpc-web/i.test(error.message), `it does not say what to look at: ${error.message}`);
  },

  async "what needs both directions goes over a WebSocket, and is refused where there is none"({ box, boxd }) {
    const process = await box.exec(["cat"], { stream: true, keepStdinOpen: true });
    if (!globalThis.WebSocket) {
      const error = await rejects(process.wait(), boxd.BoxdError);
      equal(error.code, "UNIMPLEMENTED", "code");
      ok(error.message.includes("WebSocket"), `it does not say what is missing: ${error.message}`);
      return;
    }
    const lines = process.stdout.lines();
    for (const line of ["one", "two"]) {
      await process.stdin.write(`${line}\n`);
      equal((await lines.next()).value, line);
    }
    await process.stdin.close();
    equal(await process.wait(), 0, "exit code");
  },

  async "a client that was closed refuses calls, and closing twice is harmless"({ boxd, options }) {
    const compute = new boxd.Compute(options);
    const [box] = await compute.box.list();
    const underway = compute.whoami();
    compute.close();
    compute.close();
    compute[Symbol.dispose]();
    ok((await underway).userId.length > 0, "the call under way did not end well");
    await rejects(compute.whoami(), boxd.BoxdError);
    await rejects(box.refresh(), boxd.BoxdError);
  },

  async "an error of the caller's own passes through"({ box }) {
    await rejects(box.writeFile(Symbol("no content"), "/tmp/x"), TypeError);
  },
};
