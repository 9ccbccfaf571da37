// What is asked of the JavaScript host: one POST by `fetch`, timers, the clock. Said in JavaScript, where it weighs a
// fraction of what calls of each single thing from Rust would.

// No token is larger.
const ANSWER_LIMIT = 256 * 1024;
// Whenever the pieces of a request are this much, they go into a `Blob`, which the host need not keep in memory.
const PIECES = 8 << 20;

/** `{ text, notSent }`: what failed, and whether the request certainly never left. Node tells it in the cause. */
const failed = (error) => {
  const { cause } = error ?? {};
  const text = error?.message ?? `${error}`;
  if (!cause) throw { text };
  throw { text: `${text}: ${cause.message}`, notSent: /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN)$/.test(cause.code) };
};

let redirect;

/** A redirect would carry the credentials elsewhere. workerd has no `error` and is told to hand back the 3xx. */
function noRedirect() {
  try {
    return new Request("http://localhost/", { redirect: "error" }).redirect;
  } catch {
    return "manual";
  }
}

/**
 * Sends a POST with the headers of `head`, as `name: value` lines. It answers `answer`, a promise of `{ status, head }`, of
 * what the host shows; `read()`, a promise of the next chunk, or of nothing at the end; and `cancel()`.
 */
export function post(url, head, body) {
  const controller = new AbortController();
  let reader;
  let over = false;
  const send = async () => {
    const lines = head.split("\r\n").filter(Boolean);
    const headers = lines.map((line) => line.split(/: (.*)/).slice(0, 2));
    redirect ??= noRedirect();
    const options = { method: "POST", headers, body, redirect, signal: controller.signal };
    const { status, type, headers: shown, body: chunks } = await fetch(url, options);
    reader = chunks?.getReader();
    const said = Array.from(shown, ([name, value]) => `${name}: ${value}`);
    return { status: type === "opaqueredirect" ? 300 : status, head: said.join("\n") };
  };
  return {
    answer: send().catch(failed),
    async read() {
      const { done, value } = reader ? await reader.read().catch(failed) : { done: true };
      over = done;
      return value;
    },
    cancel() {
      if (over) return;
      // A stream that has failed meanwhile rejects this.
      reader?.cancel().catch(() => {});
      controller.abort();
    },
  };
}

/** Posts JSON, to `{ status, retryAfter, token, end }`: the token and when it ends where the answer holds one. */
export function exchange(url, body) {
  const { answer, read, cancel } = post(url, "content-type: application/json\r\naccept: application/json", body);
  const ask = async () => {
    const { status, head } = await answer.catch(({ text }) => {
      throw `no answer (${text}); is this the address, and is this page's origin allowed there?`;
    });
    if (status >= 300 && status < 400) throw "the server answered with a redirect, which the key does not follow";
    const decoder = new TextDecoder();
    let text = "";
    for (let chunk; (chunk = await read().catch(({ text }) => Promise.reject(text))); ) {
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
  return { answer: ask(), cancel };
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

/** `answer`, a promise that is kept after this many milliseconds, and `cancel()`. */
export function timer(milliseconds) {
  let id;
  return {
    answer: new Promise((ring) => {
      id = setTimeout(ring, milliseconds);
    }),
    cancel: () => clearTimeout(id),
  };
}

/** Milliseconds by the monotonic clock, where there is one. */
export const now = () => (globalThis.performance ?? Date).now();

/** The origin of the page or worker, where there is one. */
export const origin = () => globalThis.location?.origin;
