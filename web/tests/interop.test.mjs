// Clients that are none of ours, against the cluster and through a gateway in front of it.

import { equal, ok, rejects } from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import improbable from "@improbable-eng/grpc-web";
import { WebSocket } from "ws";
import { startCluster } from "./harness/cluster.mjs";
import { startGateway } from "./harness/gateway.mjs";
import { BoxdApi, schema } from "./harness/wire.mjs";

const { grpc } = improbable;

describe("interop", () => {
  let cluster, gateway, token, box;

  before(async () => {
    // Node 20 has none, and this client looks for the global one.
    globalThis.WebSocket ??= WebSocket;
    cluster = await startCluster();
    gateway = await startGateway(cluster);
    const { exchangeUrl, apiKey } = cluster.options;
    const body = JSON.stringify({ api_key: apiKey });
    const answer = await fetch(exchangeUrl, { method: "POST", headers: { "content-type": "application/json" }, body });
    ({ token } = await answer.json());
    const cmd = ["sh", "-c", "mkfifo /tmp/say; while :; do cat /tmp/say; done"];
    box = (await connect(cluster.options.apiUrl, token).createVm({ name: "interop", cmd })).vmId;
  });
  after(async () => {
    await gateway?.stop();
    await cluster?.stop();
  });

  for (const [name, url] of [
    ["the cluster", () => cluster.options.apiUrl],
    ["a gateway", () => gateway.options.apiUrl],
  ]) {
    test(`connect-web, ${name}: a unary call`, async () => {
      const client = connect(url(), token);
      equal((await client.whoami({})).userId, "local");
      await rejects(client.getVm({ vmId: "vm-none" }), (error) => error instanceof ConnectError && error.code === Code.NotFound);
      await rejects(connect(url(), "nonsense").whoami({}), (error) => error.code === Code.Unauthenticated);
    });

    test(`connect-web, ${name}: a stream of answers`, async () => {
      const stop = new AbortController();
      const log = connect(url(), token).streamLogs({ vmId: box, follow: true }, { signal: stop.signal });
      let seen = "";
      await exec(url(), token, box, `until [ -p /tmp/say ]; do sleep 0.01; done; echo ${name} > /tmp/say`).ended;
      await rejects(
        (async () => {
          for await (const { data } of log) {
            seen += new TextDecoder().decode(data);
            if (seen.includes(`${name}\n`)) stop.abort();
          }
        })(),
        (error) => error.code === Code.Canceled,
      );
    });

    test(`@improbable-eng/grpc-web, ${name}: both directions at once`, async () => {
      const call = exec(url(), token, box, "cat; echo end >&2; exit 3");
      for (const word of ["one", "two"]) {
        call.type(word);
        equal(new TextDecoder().decode((await call.next()).data), word);
      }
      call.finishSend();
      const last = await call.next();
      equal([new TextDecoder().decode(last.data), last.isStderr].join(), "end\n,true");
      equal((await call.next()).exitCode, 3);
      equal((await call.ended).code, grpc.Code.OK);
    });

    test(`@improbable-eng/grpc-web, ${name}: an error, and a call that is left`, async () => {
      equal((await exec(url(), "nonsense", box, "true").ended).code, grpc.Code.Unauthenticated);
      equal((await exec(url(), token, "vm-none", "true").ended).code, grpc.Code.NotFound);
      const call = exec(url(), token, box, "echo up; exec sleep 5151");
      equal(new TextDecoder().decode((await call.next()).data), "up\n");
      call.close();
      for (let looks = 0; ; looks++) {
        const look = exec(url(), token, box, "pgrep -fx 'sleep 5151' || true");
        look.finishSend();
        const { data } = await look.next();
        if (data.length === 0) break;
        ok(looks < 500, "the command runs on");
      }
    });
  }
});

function connect(baseUrl, token) {
  const authorize = (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  return createClient(BoxdApi, createGrpcWebTransport({ baseUrl, interceptors: [authorize] }));
}

/** A command, over this client's WebSocket transport: `next()` message by message, `ended` with code and message. */
function exec(host, token, vmId, command) {
  const Chunk = schema("ExecChunk");
  // What its generated code would be.
  const message = (chunk) => ({ serializeBinary: () => toBinary(Chunk, create(Chunk, chunk)), toObject: () => chunk });
  const type = { deserializeBinary: (bytes) => fromBinary(Chunk, bytes) };
  const method = {
    methodName: "Exec",
    service: { serviceName: "boxd.api.v1.BoxdApi" },
    requestStream: true,
    responseStream: true,
    requestType: type,
    responseType: type,
  };
  const call = grpc.client(method, { host, transport: grpc.WebsocketTransport() });
  const [messages, waiting] = [[], []];
  call.onMessage((chunk) => (waiting.length > 0 ? waiting.shift()(chunk) : messages.push(chunk)));
  const ended = new Promise((resolve) => call.onEnd((code, text) => resolve({ code, text })));
  call.start(new grpc.Metadata({ authorization: `Bearer ${token}` }));
  call.send(message({ vmId, command }));
  return {
    ended,
    next: () => messages.shift() ?? new Promise((resolve) => waiting.push(resolve)),
    type: (text) => call.send(message({ stdin: true, data: new TextEncoder().encode(text) })),
    finishSend: () => call.finishSend(),
    close: () => call.close(),
  };
}
