// The limit: `fetch` with frames made by hand, a bare WebSocket, and no look at what comes back.

const SERVICE = "/boxd.api.v1.BoxdApi";

export function connect(api, token) {
  const headers = { "content-type": "application/grpc-web+proto", "x-grpc-web": "1", authorization: `Bearer ${token}` };
  const call = (method, message) =>
    fetch(`${api}${SERVICE}/${method}`, { method: "POST", headers, body: frame(message) });

  return {
    async whoami() {
      await (await call("Whoami", new Uint8Array())).arrayBuffer();
    },

    async list() {
      await (await call("ListVms", new Uint8Array())).arrayBuffer();
    },

    async drain(box, seen) {
      const response = await call("StreamLogs", firstField(new TextEncoder().encode(box)));
      const reader = response.body.getReader();
      for (let read = await reader.read(); !read.done; read = await reader.read()) seen(read.value.length);
    },

    async echo(url) {
      const socket = new WebSocket(url);
      await new Promise((opened, failed) => Object.assign(socket, { onopen: opened, onerror: failed }));
      return () =>
        new Promise((shown) => {
          socket.onmessage = shown;
          socket.send("x");
        });
    },
  };
}

function frame(message) {
  const framed = new Uint8Array(5 + message.length);
  new DataView(framed.buffer).setUint32(1, message.length);
  framed.set(message, 5);
  return framed;
}

/** A message whose field 1 holds these bytes, of which there are fewer than 128. */
function firstField(bytes) {
  return Uint8Array.of(0x0a, bytes.length, ...bytes);
}
