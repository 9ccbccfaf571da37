// What is asked of the JavaScript host: one POST by `fetch`, timers, the clock. Said in JavaScript, where it weighs a
// fraction of what calls of each single thing from Rust would.

import { Watched } from "./promise.js";

// No token is larger.
const ANSWER_LIMIT = 256 * 1024;
// Whenever the pieces of a request are this much, they go into a `Blob`, which the host need not keep in memory.
const PIECES = 8 << 20;

// The answer to a unary call is handed over in one piece if no more than this comes, in bytes, and within this many
// milliseconds.
const SHORT = 1 << 20;
const SOON = 500;

/** `{ text, notSent }`: what failed, and whether the request certainly never left. Node tells it in the cause. */
function failure(error) {
  const { cause } = error ?? {};
  const text = error?.message ?? `${error}`;
  if (!cause) return { text };
  return { text: `${text}: ${cause.message}`, notSent: /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN)$/.test(cause.code) };
}

let redirect;

/** A redirect would carry the credentials elsewhere. workerd has no `error` and is told to hand back the 3xx. */
function noRedirect() {
  try {
    return new Request("http://localhost/", { redirect: "error" }).redirect;
  } catch {
    return "manual";
  }
}

/** A POST, and its answer as it comes. */
class Posting extends Watched {
  controller = new AbortController();
  /** What is told of the answer: `{ status, head, chunks }`, of which `chunks` is what has come of the body. */
  said;
  /** Whether `said` waits for more of the body. */
  gathers;
  late;
  reader;
  /** What was being read when `said` was told. */
  reading;
  /** Whether all of the body has come. */
  over;

  /** Sends it with the headers of `head`, as `name: value` lines, and waits until there is something to tell. */
  async send(url, head, body, single) {
    const headers = [];
    for (const line of head.split("\r\n")) {
      const colon = line.indexOf(": ");
      if (colon > 0) headers.push([line.slice(0, colon), line.slice(colon + 2)]);
    }
    redirect ??= noRedirect();
    this.gathers = single;
    const { signal } = this.controller;
    const response = await fetch(url, { method: "POST", headers, body, redirect, signal });
    const lines = [];
    response.headers.forEach((value, name) => lines.push(`${name}: ${value}`));
    const status = response.type === "opaqueredirect" ? 300 : response.status;
    this.reader = response.body?.getReader();
    this.over = !this.reader;
    const said = (this.said = { status, head: lines.join("\n"), chunks: [] });
    for (let size = 0; this.gathers && status === 200 && !this.over && size < SHORT; ) {
      this.reading = this.reader.read();
      const { done, value } = await this.reading;
      if (!this.gathers) return;
      this.reading = undefined;
      this.over = done;
      if (done) return;
      said.chunks.push(value);
      size += value.length;
    }
  }

  /** Tells what has come, if anything. */
  hand() {
    this.gathers = false;
    clearTimeout(this.late);
    if (this.said) this.end(1, this.said);
  }

  /** The next chunk, or nothing at the end. */
  async read() {
    if (this.over) return;
    const coming = this.reading ?? this.reader.read();
    this.reading = undefined;
    try {
      const { done, value } = await coming;
      this.over = done;
      return value;
    } catch (error) {
      throw failure(error);
    }
  }

  cancel() {
    if (this.over) return;
    clearTimeout(this.late);
    // A stream that has failed meanwhile rejects this.
    this.reader?.cancel().catch(() => {});
    this.controller.abort();
  }
}

/**
 * Sends a POST with the headers of `head`. An answer that ought to be `single`, short and soon there, is told when all of it
 * has come: to be told of every part costs a page more than the parts do.
 */
export function post(url, head, body, single, tell, number) {
  const posting = new Posting(tell, number);
  posting.send(url, head, body, single).then(
    () => posting.hand(),
    (error) => {
      // After the head: what broke shows when it is read on.
      posting.hand();
      posting.end(2, failure(error));
    },
  );
  if (single) posting.late = setTimeout(() => posting.hand(), SOON);
  return posting;
}

/** Posts JSON, to `{ status, retryAfter, token, end }`: the token and when it ends where the answer holds one. */
export function exchange(url, body, tell, number) {
  const posting = new Posting(tell, number);
  const ask = async () => {
    await posting.send(url, "content-type: application/json\r\naccept: application/json", body, false).catch((error) => {
      throw `no answer (${failure(error).text}); is this the address, and is this page's origin allowed there?`;
    });
    const { status, head } = posting.said;
    if (status >= 300 && status < 400) throw "the server answered with a redirect, which the key does not follow";
    const decoder = new TextDecoder();
    let text = "";
    for (let chunk; (chunk = await posting.read().catch(({ text }) => Promise.reject(text))); ) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length > ANSWER_LIMIT) throw "the answer is too long to be a token";
    }
    const told = { status, retryAfter: /^retry-after: (.*)/m.exec(head)?.[1] };
    try {
      const { token, expires_at = 0 } = JSON.parse(text);
      if (typeof token === "string" && Number.isFinite(expires_at)) Object.assign(told, { token, end: expires_at });
    } catch {}
    return told;
  };
  ask().then(
    (told) => posting.end(1, told),
    (why) => posting.end(2, why),
  );
  return posting;
}

/** Gathers the pieces of a request, outside wasm memory. */
export function gather() {
  let parts = [];
  let size = 0;
  let large = false;
  return {
    add(piece) {
      parts.push(piece);
      size += piece.length;
      if (size < PIECES) return;
      parts = [new Blob(parts)];
      size = 0;
      large = true;
    },
    // Small ones in one array: to hand a `Blob` over takes a page longer than to copy one.
    whole() {
      if (large) return new Blob(parts);
      const whole = new Uint8Array(size);
      let at = 0;
      for (const part of parts) {
        whole.set(part, at);
        at += part.length;
      }
      return whole;
    },
  };
}

class Timer extends Watched {
  id;

  cancel() {
    clearTimeout(this.id);
  }
}

/** Ends after this many milliseconds. */
export function timer(milliseconds, tell, number) {
  const timer = new Timer(tell, number);
  timer.id = setTimeout(() => timer.end(1), milliseconds);
  return timer;
}

/** The bytes of an array: handing it over copies them. */
export const copied = (array) => array;

/** Milliseconds by the monotonic clock, where there is one. */
export const now = () => (globalThis.performance ?? Date).now();

/** The origin of the page or worker, where there is one. */
export const origin = () => globalThis.location?.origin;
