// A gRPC-web server that misbehaves as it is told: the bearer token of a call is its script, in JSON.
//
//   status, headers   the head of the answer (200 and gRPC-web where not given); a `null` header is left out
//   expose            the headers that a page may see across origins (all that matter where not given)
//   chunks            the body, each a base64 text, written apart (a number: so many zero bytes)
//   late              milliseconds before the head
//   pause             milliseconds between two chunks (0: a turn of the event loop)
//   end               "end" (where not given), "cut" breaks the connection, "open" leaves it open
//   id                under which GET /seen/ID tells what came and GET /gone/ID waits for the caller to hang up
//
// Over a WebSocket, the token in a call's first message is its script:
//
//   chunks            what is sent at once, each a message of its own
//   beats             milliseconds between two empty messages, which come as long as it is open
//   close             the code to close with; without it, it stays open
//   text              a text message to send
//
// Prints its address when it listens, and ends with its standard input.

import { createHash } from "node:crypto";
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

/** A chunk of a script. */
const bytes = (chunk) => (typeof chunk === "number" ? Buffer.alloc(chunk) : Buffer.from(chunk, "base64"));

async function answer(script, request, response) {
  const entry = call(script.id);
  response.on("close", entry.hangUp);
  const { remotePort } = request.socket;
  entry.seen.push({ url: request.url, headers: request.headers, body: await collect(request), port: remotePort });
  if (script.late) await setTimeout(script.late);
  for (const [name, value] of Object.entries({ "content-type": "application/grpc-web+proto", ...script.headers })) {
    if (value !== null) response.setHeader(name, value);
  }
  response.setHeader("access-control-expose-headers", script.expose ?? "grpc-status, grpc-message, retry-after");
  response.writeHead(script.status ?? 200);
  response.flushHeaders();
  for (const chunk of script.chunks ?? []) {
    response.write(bytes(chunk));
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
  else if (request.method === "GET" && what === "unsent") response.end(String(call(id).unsent()));
  else if (request.method === "GET" && what === "gone") call(id).gone.then(() => response.end("gone"));
  else answer(JSON.parse(request.headers.authorization.replace(/^Bearer /, "")), request, response).catch(console.error);
});

/** A frame of a WebSocket, unmasked as a server's are. */
function frame(opcode, payload) {
  const head = Buffer.alloc(payload.length < 126 ? 2 : payload.length < 65536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  if (head.length === 2) head[1] = payload.length;
  else if (head.length === 4) head.writeUInt16BE(payload.length, (head[1] = 126) && 2);
  else head.writeBigUInt64BE(BigInt(payload.length), (head[1] = 127) && 2);
  return Buffer.concat([head, payload]);
}

/** What a client sends, masked as a client's frames are; none here is larger than 64 KiB. */
async function* frames(socket) {
  let data = Buffer.alloc(0);
  for await (const more of socket) {
    data = Buffer.concat([data, more]);
    while (data.length >= 2) {
      const short = data[1] & 0x7f;
      const start = short === 126 ? 8 : 6;
      if (data.length < start) break;
      const end = start + (short === 126 ? data.readUInt16BE(2) : short);
      if (data.length < end) break;
      const mask = data.subarray(start - 4, start);
      yield { opcode: data[0] & 0xf, payload: data.subarray(start, end).map((byte, at) => byte ^ mask[at % 4]) };
      data = data.subarray(end);
    }
  }
}

async function talk(request, socket) {
  const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  const accept = createHash("sha1").update(request.headers["sec-websocket-key"] + guid).digest("base64");
  const lines = ["Upgrade: websocket", "Connection: Upgrade", `Sec-WebSocket-Accept: ${accept}`];
  const protocol = `Sec-WebSocket-Protocol: ${request.headers["sec-websocket-protocol"]}`;
  socket.write(["HTTP/1.1 101 Switching Protocols", ...lines, protocol, "", ""].join("\r\n"));
  const sent = frames(socket);
  const head = (await sent.next()).value.payload.toString();
  const script = JSON.parse(head.match(/^authorization: Bearer (.*)$/m)[1]);
  const entry = call(script.id);
  entry.seen.push({ url: request.url, headers: request.headers, head });
  socket.on("close", entry.hangUp);
  for (const chunk of script.chunks ?? []) {
    socket.write(frame(2, bytes(chunk)));
  }
  entry.unsent = () => socket.writableLength;
  if (script.text) socket.write(frame(1, Buffer.from(script.text)));
  if (script.beats) {
    const beat = setInterval(() => socket.write(frame(2, Buffer.alloc(0))), script.beats);
    socket.on("close", () => clearInterval(beat));
  }
  if (script.close) socket.write(frame(8, Buffer.from([script.close >> 8, script.close & 0xff])));
  for await (const { opcode } of sent) if (opcode === 8) break;
  socket.destroy();
}
server.on("upgrade", (request, socket) => {
  socket.on("error", () => {});
  talk(request, socket).catch(() => socket.destroy());
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
console.log(`ready http://127.0.0.1:${server.address().port}`);
process.stdin.resume().on("end", () => process.exit());
