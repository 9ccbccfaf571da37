// A gRPC-web server that misbehaves as it is told: the bearer token of a call is its script, in JSON.
//
//   status, headers   the head of the answer (200 and gRPC-web where not given); a `null` header is left out
//   expose            the headers that a page may see across origins (all that matter where not given)
//   chunks            the body, each a base64 text, written apart
//   pause             milliseconds between two chunks (0: a turn of the event loop)
//   end               "end" (where not given), "cut" breaks the connection, "open" leaves it open
//   id                under which GET /seen/ID tells what came and GET /gone/ID waits for the caller to hang up
//
// Prints its address when it listens, and ends with its standard input.

import { createServer } from "node:http";
import { once } from "node:events";
import { setImmediate, setTimeout } from "node:timers/promises";

const calls = new Map();

function call(id) {
  if (!calls.has(id)) {
    const entry = { seen: [] };
    entry.gone = new Promise((resolve) => (entry.hangUp = resolve));
    calls.set(id, entry);
  }
  return calls.get(id);
}

async function collect(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString("base64");
}

async function answer(script, request, response) {
  const entry = call(script.id);
  response.on("close", entry.hangUp);
  entry.seen.push({ url: request.url, headers: request.headers, body: await collect(request) });
  for (const [name, value] of Object.entries({ "content-type": "application/grpc-web+proto", ...script.headers })) {
    if (value !== null) response.setHeader(name, value);
  }
  response.setHeader("access-control-expose-headers", script.expose ?? "grpc-status, grpc-message, retry-after");
  response.writeHead(script.status ?? 200);
  response.flushHeaders();
  for (const chunk of script.chunks ?? []) {
    response.write(Buffer.from(chunk, "base64"));
    await (script.pause ? setTimeout(script.pause) : setImmediate());
  }
  if (script.end === "cut") response.destroy();
  else if (script.end !== "open") response.end();
}

const server = createServer((request, response) => {
  response.setHeader("access-control-allow-origin", request.headers.origin ?? "*");
  response.setHeader("access-control-allow-headers", request.headers["access-control-request-headers"] ?? "*");
  const [, what, id] = request.url.split("/");
  if (request.method === "OPTIONS") response.writeHead(204).end();
  else if (request.method === "GET" && what === "seen") response.end(JSON.stringify(call(id).seen));
  else if (request.method === "GET" && what === "gone") call(id).gone.then(() => response.end("gone"));
  else answer(JSON.parse(request.headers.authorization.replace(/^Bearer /, "")), request, response).catch(console.error);
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
console.log(`ready http://127.0.0.1:${server.address().port}`);
process.stdin.resume().on("end", () => process.exit());
