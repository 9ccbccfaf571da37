// The host's WebSockets, as one kind of thing that is read and written message by message: `WebSocketStream` where there is
// one, in which a slow reader slows the sender, and `WebSocket` elsewhere.

// A writer waits as long as more than this is unsent. A `WebSocket` does not say when it has sent: it is looked at.
const UNSENT = 1 << 20;
const LOOK = 4;
// What may wait for the reader of a `WebSocket`.
const UNREAD = 8 << 20;

// Why there is no more, beside the codes with which WebSockets are closed.
const NONE_HERE = 0;
const UNOPENED = 1;
const SLOW_READER = 2;
const SILENCE = 3;
const TEXT = 4;

/**
 * Opens a WebSocket; `Given` makes it in place of the host's own. It answers `opened`, a promise that is kept within
 * `patience` milliseconds or fails; then `read()`, a promise of the next message, or of nothing after an end without a
 * complaint; `write(message)`, a promise, which is kept when more can be written; and at any time `close()`. What fails
 * does so with `{ code, reason }`.
 *
 * Empty messages are signs of life, and not handed out. Once there was one, silence for `limit` milliseconds is an end.
 */
export function open(url, protocol, Given, patience, limit) {
  const { WebSocket: Sockets, WebSocketStream: Streams } = globalThis;
  let ends;
  try {
    if (Given || !Streams) ends = plain(new (Given || Sockets)(url, [protocol]));
    else ends = streamed(new Streams(url, { protocols: [protocol] }));
  } catch (error) {
    ends = { opened: Promise.reject(error), close() {} };
  }
  const code = Given || Streams || Sockets ? UNOPENED : NONE_HERE;
  let waiting = false;
  let alive = false;
  let silent = 0;
  let end;
  // Ticks are counted, and not time: a machine that slept has heard nothing, and may yet.
  const tick = () => {
    if (!waiting || !alive || ++silent < 3) return;
    end = { code: SILENCE };
    ends.reader.cancel().catch(() => {});
  };
  const watch = limit && setInterval(tick, limit / 3);
  return {
    opened: within(patience, ends).catch((error) => {
      clearInterval(watch);
      throw { code, reason: error?.message };
    }),
    async read() {
      for (;;) {
        waiting = true;
        const { value } = await ends.reader.read().catch(() => ({}));
        waiting = false;
        silent = 0;
        if (typeof value === "string") throw { code: TEXT };
        if (value?.byteLength > 0) return value.buffer ? value : new Uint8Array(value);
        if (!value) break;
        alive = true;
      }
      clearInterval(watch);
      end ??= await ends.closed;
      if (end.code !== 1000) throw end;
    },
    write: (message) => ends.write(message),
    close() {
      clearInterval(watch);
      ends.close();
      // What has come is not to hold up the other side's farewell.
      ends.reader?.cancel().catch(() => {});
    },
  };
}

/** Waits until it has opened. */
function within(patience, { opened, close }) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      reject();
      close();
    }, patience);
    opened.then(resolve, reject).then(() => clearTimeout(late));
  });
}

/** The ends of a `WebSocketStream`. */
function streamed(socket) {
  const ends = {
    close: () => socket.close(),
    closed: socket.closed.catch((error) => error).then(({ closeCode = 1006, reason }) => ({ code: closeCode, reason })),
    opened: socket.opened.then(({ readable, writable }) => {
      const writer = writable.getWriter();
      ends.reader = readable.getReader();
      ends.write = (message) => writer.write(message);
    }),
  };
  return ends;
}

/** The ends of a `WebSocket`. */
function plain(socket) {
  let queue;
  const source = { start: (controller) => void (queue = controller), cancel: () => (queue = undefined) };
  const readable = new ReadableStream(source, { highWaterMark: UNREAD, size: (message) => message.length });
  const ends = {
    close: () => socket.close(),
    reader: readable.getReader(),
    async write(message) {
      socket.send(message);
      while (socket.bufferedAmount > UNSENT) {
        await new Promise((resolve) => setTimeout(resolve, LOOK));
        // Then what is unsent remains so.
        if (socket.readyState > 1) throw 0;
      }
    },
  };
  ends.closed = new Promise((resolve) => {
    const end = (code, reason) => {
      resolve({ code, reason });
      queue?.close();
      queue = undefined;
    };
    ends.opened = new Promise((opened, failed) => {
      socket.binaryType = "arraybuffer";
      socket.onopen = opened;
      socket.onmessage = ({ data }) => {
        if (queue?.desiredSize <= 0) {
          end(SLOW_READER);
          socket.close();
        }
        queue?.enqueue(data.length >= 0 ? data : new Uint8Array(data));
      };
      // After it there is an end, but not everywhere if it never opened.
      socket.onerror = failed;
      socket.onclose = ({ code, reason }) => {
        failed();
        end(code, reason);
      };
    });
  });
  return ends;
}
