// What needs both directions at once: over the host's own WebSockets, and over a constructor that is passed in.

import { equal, ok, rejects, within } from "./check.mjs";

const MIB = 2 ** 20;
const decoder = new TextDecoder();

/** The walker's box, once through each kind of WebSocket that there is. */
async function ways({ boxd, options, box, webSocket }) {
  const passed = webSocket ?? globalThis.WebSocket;
  ok(passed, "this host has no WebSocket, and none was passed in");
  const kinds = globalThis.WebSocket ? [undefined, passed] : [passed];
  return Promise.all(kinds.map((webSocket) => new boxd.Compute({ ...options, webSocket }).box.get(box.name)));
}

/** Waits, in the box, until no such command runs. */
const gone = (box, command) =>
  box.execShell(`while pgrep -fx '${command}' >&2; do sleep 0.02; done`, { timeoutMs: 15_000 });

/** Reads on until `wanted` was there. */
async function until(stdout, wanted) {
  let seen = "";
  while (!seen.includes(wanted)) {
    const { done, value } = await within(30_000, stdout.next(), JSON.stringify(wanted));
    if (done) throw new Error(`the end, and no ${JSON.stringify(wanted)} in ${JSON.stringify(seen)}`);
    seen += decoder.decode(value);
  }
  return seen;
}

export const steps = {
  async "a command answers what is said to it"(walker) {
    for (const box of await ways(walker)) {
      const process = await box.exec(["cat"], { stream: true, keepStdinOpen: true });
      for (const word of ["one", "zwei – 2", "three"]) {
        await process.stdin.write(word);
        await until(process.stdout, word);
      }
      await process.stdin.close();
      equal((await process.stdout.next()).done, true, "whether the output has ended");
      equal(await process.wait(), 0, "exit code");
      await rejects(process.stdin.write("more"), Error);
    }
  },

  async "a terminal has its size, is resized, and takes Ctrl-C"(walker) {
    for (const box of await ways(walker)) {
      const process = await box.exec(["bash", "--norc"], { interactive: true, cols: 101, rows: 33 });
      const { stdin, stdout } = process;
      await stdin.write("stty size; echo first-$((1+1))\n");
      ok((await until(stdout, "first-2")).includes("33 101"), "the size is not what was asked for");
      process.resize(123, 45);
      await stdin.write("while [ \"$(stty size)\" != '45 123' ]; do :; done; echo second-$((1+1))\n");
      await until(stdout, "second-2");
      await stdin.write("sh -c 'trap \"echo third-$((1+1)); exit\" INT; echo ready-$((1+1)); while :; do :; done'\n");
      await until(stdout, "ready-2");
      await stdin.write(Uint8Array.of(3));
      await until(stdout, "third-2");
      await stdin.write("exit 7\n");
      await until(stdout, "exit");
      equal(await process.wait(), 7, "exit code");
    }
  },

  async "much input arrives whole and in order while much output is read"(walker) {
    const content = new Uint8Array(10 * MIB + 17);
    for (let at = 0; at < content.length; at++) content[at] = at % 251;
    for (const box of await ways(walker)) {
      const process = await box.exec(["cat"], { stream: true, keepStdinOpen: true });
      const [echoed] = await Promise.all([
        process.stdout.bytes(),
        process.stdin.write(content).then(() => process.stdin.close()),
      ]);
      equal(echoed.length, content.length, "length");
      ok(echoed.every((byte, at) => byte === content[at]), "it came back otherwise");
      equal(await process.wait(), 0, "exit code");
    }
  },

  async "input waits for a command that is slow to read, and is all there"(walker) {
    const bytes = 32 * MIB;
    for (const [n, box] of (await ways(walker)).entries()) {
      const line = `until [ -e /tmp/read${n} ]; do sleep 0.02; done; wc -c`;
      const process = await box.execShell(line, { stream: true, keepStdinOpen: true });
      let written = false;
      const writing = process.stdin.write(new Uint8Array(bytes)).then(() => (written = true));
      for (let looks = 0; looks < 20; looks++) await box.exec(["true"]);
      equal(written, false, "whether all is written before any is read");
      await box.writeFile("", `/tmp/read${n}`);
      await writing;
      await process.stdin.close();
      equal((await process.stdout.text()).trim(), String(bytes), "bytes");
    }
  },

  async "a stream is piped into a command"(walker) {
    for (const box of await ways(walker)) {
      const process = await box.exec(["wc", "-c"], { stream: true, keepStdinOpen: true });
      const source = new Blob([new Uint8Array(3 * MIB), "end"]).stream();
      const [text] = await Promise.all([process.stdout.text(), source.pipeTo(process.stdin.toWritableStream())]);
      equal(text.trim(), String(3 * MIB + 3), "bytes");
    }
  },

  async "the end of a command ends its input"(walker) {
    for (const box of await ways(walker)) {
      const process = await box.exec(["true"], { stream: true, keepStdinOpen: true });
      equal(await process.wait(), 0, "exit code");
      await rejects(process.stdin.write(new Uint8Array(MIB)), Error);
    }
  },

  async "kill, break and abort end a command that is talked to, and its whole group"(walker) {
    for (const box of await ways(walker)) {
      const ends = [
        (process) => process.kill(),
        (process) => process.stdout.return(),
        (process) => process[Symbol.asyncDispose](),
        (_, controller) => controller.abort(),
      ];
      for (const [n, end] of ends.entries()) {
        const sleep = `sleep ${75_310 + n}`;
        const line = `${sleep} & echo up; yes | cat; wait`;
        const controller = new AbortController();
        const process = await box.execShell(line, { interactive: true, signal: controller.signal });
        await until(process.stdout, "up");
        await end(process, controller);
        await gone(box, sleep);
        await gone(box, "yes");
      }
    }
  },

  async "an error of the server's comes as what it is"(walker) {
    for (const box of await ways(walker)) {
      const other = await box.exec(["cat"], { stream: true, keepStdinOpen: true, cwd: "/nowhere" });
      ok((await other.wait()) !== 0, "a command runs in a folder that is not there");
    }
    const { boxd, options, webSocket } = walker;
    const box = await walker.compute.box.create({ name: "brief" });
    const compute = new boxd.Compute({ ...options, webSocket });
    const same = await compute.box.get(box.id);
    await box.destroy();
    const process = await same.exec(["cat"], { interactive: true });
    const error = await rejects(process.wait(), boxd.NotFoundError);
    equal(error.outcomeUnknown, false, "whether the outcome is unknown");
  },
};
