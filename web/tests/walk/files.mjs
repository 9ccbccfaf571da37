// Files in and out.

import { equal, ok, rejects } from "./check.mjs";

const MIB = 2 ** 20;
const LARGE = 64 * MIB;

export const steps = {
  async "a text file goes in and comes out"({ box }) {
    const text = "first line\nünï→😀\n";
    equal(await box.writeFile(text, "/tmp/text.txt"), new TextEncoder().encode(text).length, "bytes written");
    equal(await box.readFile("/tmp/text.txt", { as: "text" }), text, "what readFile gives");
    equal((await box.exec(["cat", "/tmp/text.txt"])).stdout, text, "what the box sees");
  },

  async "every byte value survives"({ box }) {
    const every = Uint8Array.from({ length: 256 }, (_, n) => n);
    await box.writeFile(every, "/tmp/every.bin");
    equal(await box.readFile("/tmp/every.bin"), every, "content");
  },

  async "content comes in every form"({ box }) {
    const bytes = Uint8Array.of(0, 1, 2, 254, 255);
    const padded = Uint8Array.of(9, ...bytes, 9).subarray(1, 6);
    for (const content of [bytes, padded, bytes.slice().buffer, new Blob([bytes]), new Response(bytes).body]) {
      await box.writeFile(content, "/tmp/form.bin");
      equal(await box.readFile("/tmp/form.bin"), bytes, `what ${content.constructor.name} gave`);
    }
  },

  async "a file is read in every form"({ box }) {
    await box.writeFile("four", "/tmp/four");
    equal(await (await box.readFile("/tmp/four", { as: "blob" })).text(), "four", "blob");
    const stream = await box.readFile("/tmp/four", { as: "stream" });
    equal(await new Response(stream.toReadableStream()).text(), "four", "stream");
  },

  async "an empty file is a file"({ box }) {
    equal(await box.writeFile("", "/tmp/empty"), 0, "bytes written");
    equal(await box.readFile("/tmp/empty", { as: "text" }), "", "content");
  },

  async "a relative path starts at the home folder"({ box }) {
    await box.writeFile("here", "relative.txt");
    equal((await box.execShell("cat ~/relative.txt")).stdout, "here", "content");
  },

  async "a file that is not there is not found"({ box, boxd }) {
    const error = await rejects(box.readFile("/tmp/no-such-file"), boxd.NotFoundError);
    ok(error.message.includes("/tmp/no-such-file"), `the error does not name the path: ${error.message}`);
  },

  async "what cannot be written says why"({ box, boxd }) {
    const error = await rejects(box.writeFile("x", "/etc/hostname/x"), boxd.BoxdError);
    ok(error.message.includes("/etc/hostname/x") && error.message.includes(box.name), `it does not say where: ${error.message}`);
    const { message, grpcCode } = await rejects(box.writeFile("x", ""), boxd.InvalidArgumentError);
    ok(message.startsWith("path: ") && grpcCode === undefined, `it was not refused as a path: ${message}`);
    const directory = await rejects(box.readFile("/etc"), boxd.BoxdError);
    ok(directory.message.includes("/etc"), `it does not name the path: ${directory.message}`);
  },

  async "a file of this machine goes in"({ box }) {
    // What was picked in a page is a `File`; Node, Deno and Bun open one as a `Blob`.
    const fs = globalThis.process?.getBuiltinModule?.("node:fs");
    const self = import.meta.url;
    const file = fs?.openAsBlob && self ? await fs.openAsBlob(new URL(self)) : new File(["picked by a user\n"], "notes.txt");
    equal(await box.writeFile(file, "/tmp/of-this-machine"), file.size, "bytes written");
    equal(await box.readFile("/tmp/of-this-machine", { as: "text" }), await file.text(), "content");
  },

  async "64 MiB go up and down with progress, and arrive whole"({ box }) {
    const content = pattern(LARGE);
    const hash = await sha256(content);

    const up = [];
    const written = await box.writeFile(new Blob([content]), "/tmp/large.bin", { onProgress: (progress) => up.push(progress) });
    equal(written, LARGE, "bytes written");
    progressed(up, "up");
    equal((await box.exec(["sha256sum", "/tmp/large.bin"])).stdout.split(" ")[0], hash, "the box's hash");

    const down = [];
    const stream = await box.readFile("/tmp/large.bin", { as: "stream", onProgress: (progress) => down.push(progress) });
    let at = 0;
    for await (const piece of stream) {
      // Same length, same bytes: compared as they come, so that no second copy is needed.
      ok(same(piece, content.subarray(at, at + piece.length)), `the piece at ${at} differs`);
      at += piece.length;
    }
    equal(at, LARGE, "bytes read");
    progressed(down, "down");
    equal(await sha256(await box.readFile("/tmp/large.bin")), hash, "the hash of what was read in one piece");
    await box.exec(["rm", "/tmp/large.bin"]);
  },

  async "what a progress callback throws ends the transfer"({ box }) {
    class Stop extends Error {}
    const onProgress = () => {
      throw new Stop("enough");
    };
    await rejects(box.writeFile(new Blob([pattern(4 * MIB)]), "/tmp/stopped.bin", { onProgress }), Stop);
    const left = await box.execShell("ls /tmp/stopped.bin 2>/dev/null | wc -l");
    equal(left.stdout.trim(), "0", "half-written files");
  },

  async "a progress callback may end the transfer"({ box }) {
    const content = new Blob([pattern(4 * MIB)]);
    await box.writeFile(content, "/tmp/left.bin");
    class Stop extends Error {}
    const stopping = () => {
      const controller = new AbortController();
      return { signal: controller.signal, onProgress: () => controller.abort(new Stop("enough")) };
    };
    await rejects(box.writeFile(content, "/tmp/stopped.bin", stopping()), Stop);
    await rejects(box.readFile("/tmp/left.bin", stopping()), Stop);
    const stream = await box.readFile("/tmp/left.bin", { as: "stream", onProgress: () => void stream.return() });
    await stream.bytes();
    equal((await stream.next()).done, true, "an end after the end");
    equal((await box.exec(["rm", "/tmp/left.bin"])).exitCode, 0, "the core goes on");
  },
};

/** It grows, says the whole, and ends with it. */
function progressed(told, way) {
  ok(told.length > 8, `${way}: progress was told ${told.length} times`);
  ok(told.every(({ bytes }, n) => n === 0 || bytes >= told[n - 1].bytes), `${way}: it went backwards`);
  equal(told.at(-1), { bytes: LARGE, total: LARGE }, `${way}: the last of it`);
}

/** Bytes that no two places share, so that a swapped or repeated piece shows. */
function pattern(length) {
  const words = new Uint32Array(length / 4);
  let state = 0x9e3779b9;
  for (let n = 0; n < words.length; n++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[n] = state;
  }
  return new Uint8Array(words.buffer);
}

function same(left, right) {
  if (left.length !== right.length) return false;
  for (let n = 0; n < left.length; n++) if (left[n] !== right[n]) return false;
  return true;
}

async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
