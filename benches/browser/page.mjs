// What runs in the page: one client, and the tests that the harness calls by name.

import { connect } from "client";

const BOXES = 1000;
const at = new URLSearchParams(location.search);
const client = connect(at.get("api"), "a-token-of-the-benchmark");

/** Milliseconds from the start of the page's load to its first answer. */
globalThis.started = client.whoami().then(() => performance.now());

/** A box as the client takes it, found before the clock runs. */
const find = client.find ?? ((name) => name);

/** What types a key, from the first time on. */
let typing;

globalThis.tests = {
  async unary(calls) {
    const each = [];
    const start = performance.now();
    for (let n = 0; n < calls; n++) {
      const before = performance.now();
      await client.whoami();
      each.push(performance.now() - before);
    }
    const took = performance.now() - start;
    each.sort((a, b) => a - b);
    return { perSecond: (calls * 1000) / took, p50: each[calls >> 1], p99: each[Math.floor(calls * 0.99)] };
  },

  /** The first list, which a page's code is cold for, and more of them to warm it. */
  async firstList(more) {
    const start = performance.now();
    await client.list();
    const first = performance.now() - start;
    await tests.list(more);
    return { first };
  },

  async list(calls) {
    const each = [];
    for (let n = 0; n < calls; n++) {
      const before = performance.now();
      const boxes = await client.list();
      each.push(performance.now() - before);
      // The raw client does not look.
      const last = boxes?.[BOXES - 1]?.join();
      if (boxes && (boxes.length !== BOXES || last !== "vm_000003e7,bench-box-0999,running,ghcr.io/example/python-app:3.12-slim")) {
        throw new Error(`listed ${boxes.length} boxes, the last of them ${last}`);
      }
    }
    each.sort((a, b) => a - b);
    return { ms: each[calls >> 1] };
  },

  async stream(size, count) {
    let [bytes, reads, first] = [0, 0, 0];
    const box = await find(`logs-${size}x${count}`);
    const start = performance.now();
    await client.drain(box, (length) => {
      first ||= performance.now() - start;
      bytes += length;
      reads++;
    });
    const seconds = (performance.now() - start) / 1000;
    // The raw client counts framing too.
    if (bytes < size * count) throw new Error(`${bytes} bytes came, of ${size * count}`);
    return { mibPerSecond: (size * count) / 2 ** 20 / seconds, messagesPerSecond: count / seconds, first, reads };
  },

  async terminal(size, count) {
    let bytes = 0;
    const box = await find(`logs-${size}x${count}`);
    const start = performance.now();
    await client.drainTerminal(box, (length) => (bytes += length));
    const seconds = (performance.now() - start) / 1000;
    if (bytes !== size * count) throw new Error(`${bytes} bytes came, of ${size * count}`);
    return { mibPerSecond: bytes / 2 ** 20 / seconds };
  },

  async key(keys) {
    typing ??= await client.echo(at.get("echo"));
    const type = typing;
    const each = [];
    for (let n = 0; n < keys; n++) {
      const before = performance.now();
      await type();
      each.push(performance.now() - before);
    }
    each.sort((a, b) => a - b);
    return { p50: each[keys >> 1], p99: each[Math.floor(keys * 0.99)] };
  },
};
