// What is asked of the JavaScript host: one POST by `fetch`, timers, the clock. Said in JavaScript, where it weighs a
// fraction of what calls of each single thing from Rust would.

import { Watched } from "./promise.js";

// No token is larger.
const ANSWER_LIMIT = 256 * 1024;
// Whenever the pieces of a request are this much, they go into a `Blob`, which the host need not keep in memory.
const PIECES = 8 << 20;

// How long the head of a unary answer waits for the body, in milliseconds, and how long a body may stay open once it has said
// all.
const SOON = 500;

/** `{ text, notSent }`: what failed, and whether the request certainly never left. Node tells it in the cause. */
function failure(error) {
  const { cause } = error ?? {};
  const text = error?.message ?? `${error}`;
  if (!cause) return { text };
  return { text: `${text}: ${cause.message}`, notSent: /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN)$/.test(cause.code) };
}

/** The last head, split. The next call's is the same, most often, and `fetch` is quicker with strings that it knows. */
let last = {};

/** The address in the first line of `head`, and the headers in the others. */
function split(head) {
  if (head !== last.head) {
    const [url, ...lines] = head.split("\r\n");
    const headers = lines.filter(Boolean).map((line) => {
      const colon = line.indexOf(": ");
      return [line.slice(0, colon), line.slice(colon + 2)];
    });
    last = { head, url, headers };
  }
  return last;
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

// In a page all timers share one of the host's: to set and clear one for each takes as long as the core takes for a call.
// Elsewhere a timer costs little; one that is left to ring would keep a process alive (Node), or ends with the request that set
// it (workerd).
const timers = globalThis.document && new Set();
let id;
/** When the shared one rings, and what set it: tests put another clock in place of the host's. */
let rings = Infinity;
let setter;

/** Has `timed.ring()` called in so many milliseconds. */
function begin(timed, milliseconds) {
  if (!timers) {
    timed.id = setTimeout(() => timed.ring(), milliseconds);
    return;
  }
  timed.at = now() + milliseconds;
  timers.add(timed);
  if (timed.at < rings || setter !== setTimeout) wake(timed.at);
}

/** The shared one is left to ring for nothing. */
function cease(timed) {
  if (timers) timers.delete(timed);
  else clearTimeout(timed.id);
}

function wake(at) {
  if (setter === setTimeout) clearTimeout(id);
  rings = at;
  setter = setTimeout;
  // Rounded up: it rings once, and never too early.
  id = setTimeout(ring, Math.min(Math.ceil(at - now()), 2 ** 31 - 1));
}

function ring() {
  rings = Infinity;
  const time = now();
  let next = Infinity;
  for (const timed of timers) {
    if (timed.at > time) next = Math.min(next, timed.at);
    else {
      timers.delete(timed);
      timed.ring();
    }
  }
  if (next < rings) wake(next);
}

/** A POST, and its answer as it comes. */
class Posting extends Watched {
  controller = new AbortController();
  /** Whether one message is the answer. */
  single;
  /** What is told of the answer: `{ status, head, chunk }`, of which `chunk` is what has come of the body. */
  said;
  /** Whether `said` waits for the first of the body, or somebody for more of it. */
  gathers;
  asks;
  reader;
  /** What is being read that nobody has asked for yet. */
  reading;
  /** Whether it took long. */
  late;
  /** Whether all of the body has come, or no more is wanted. */
  over = false;
  left;

  /** Sends it to the address in the first line of `head`, with the headers in the others, and waits until there is something to tell. */
  async send(head, body, single) {
    const { url, headers } = split(head);
    redirect ??= noRedirect();
    this.single = this.gathers = single;
    const { signal } = this.controller;
    const response = await fetch(url, { method: "POST", headers, body, redirect, signal });
    const status = response.type === "opaqueredirect" ? 300 : response.status;
    this.reader = response.body?.getReader();
    if (!this.reader) this.finish();
    // It comes while the head is looked at.
    else if (this.gathers && status === 200) this.reading = this.reader.read();
    let lines = "";
    response.headers.forEach((value, name) => (lines += `${name}: ${value}\n`));
    const said = (this.said = { status, head: lines });
    if (!this.reading) return;
    const { done, value } = await this.reading;
    if (!this.gathers) return;
    this.reading = undefined;
    said.chunk = value;
    if (done) this.finish();
  }

  /** Tells what has come, if anything. */
  hand() {
    this.gathers = false;
    if (this.said) this.end(1, this.said);
  }

  /** The next chunk, or nothing at the end. */
  async read() {
    if (this.over) return;
    this.asks = true;
    const coming = this.next();
    try {
      const { done, value } = await coming;
      if (done) this.finish();
      return value;
    } catch (error) {
      throw failure(error);
    } finally {
      this.asks = false;
    }
  }

  next() {
    const coming = this.reading ?? this.reader.read();
    this.reading = undefined;
    return coming;
  }

  /**
   * Nothing more is wanted. Where what was asked for has come, the end of the body is waited for, so that the connection is kept
   * for the next call.
   */
  cancel() {
    if (this.over) return;
    if (!this.single || !this.settled || this.asks) return this.abort();
    this.left = true;
    if (this.late) begin(this, SOON);
    this.next().then(
      ({ done }) => (done ? this.finish() : this.abort()),
      () => this.finish(),
    );
  }

  abort() {
    this.finish();
    // A stream that has failed meanwhile rejects this.
    this.reader?.cancel().catch(() => {});
    this.controller.abort();
  }

  finish() {
    this.over = true;
    cease(this);
  }

  ring() {
    this.late = true;
    if (this.left) this.abort();
    else this.hand();
  }
}

/**
 * Sends a POST with the headers of `head`. The head of an answer that ought to be `single` is told together with the first of
 * its body, if that comes soon: all of it, most often, and to be told twice takes a page longer than all else here.
 */
export function post(head, body, single, tell, number) {
  const posting = new Posting(tell, number);
  posting.send(head, body, single).then(
    () => posting.hand(),
    (error) => {
      // After the head: what broke shows when it is read on.
      posting.hand();
      if (!posting.said) posting.finish();
      posting.end(2, failure(error));
    },
  );
  if (single) begin(posting, SOON);
  return posting;
}

/** Posts JSON, to `{ status, retryAfter, token, end }`: the token and when it ends where the answer holds one. */
export function exchange(url, body, tell, number) {
  const posting = new Posting(tell, number);
  const ask = async () => {
    await posting.send(`${url}\r\ncontent-type: application/json\r\naccept: application/json`, body, false).catch((error) => {
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
  ring() {
    this.end(1);
  }

  cancel() {
    cease(this);
  }
}

/** Ends after this many milliseconds. */
export function timer(milliseconds, tell, number) {
  const timer = new Timer(tell, number);
  begin(timer, milliseconds);
  return timer;
}

/** The bytes of an array: handing it over copies them. */
export const copied = (array) => array;

/** Milliseconds by the monotonic clock, where there is one. */
export const now = () => (globalThis.performance ?? Date).now();

/** The origin of the page or worker, where there is one. */
export const origin = () => globalThis.location?.origin;
