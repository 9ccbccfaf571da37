// What comes over time: the output of a running command, the log; and every way to be done with it early.

import { say } from "./boxes.mjs";
import { equal, ok, rejects, within } from "./check.mjs";

const MIB = 2 ** 20;
/** Runs until somebody ends it. Its first line is its process id. */
const FOREVER = "echo $$; while :; do echo tick; sleep 0.05; done";

/** Waits, in the box, for the end of a process. */
const ended = (box, pid) =>
  box.execShell(`while kill -0 ${Number(pid)} 2>/dev/null; do sleep 0.02; done`, { timeoutMs: 15_000 });

export const steps = {
  async "output streams while the command runs"({ box, boxd }) {
    const line = "echo one; until [ -e /tmp/go ]; do sleep 0.02; done; echo two; echo err >&2; exit 4";
    const process = await box.execShell(line, { stream: true });
    ok(process instanceof boxd.ExecProcess, "it is no ExecProcess");
    const lines = process.stdout.lines();
    equal((await within(15_000, lines.next(), "the first line")).value, "one", "first line");
    await box.writeFile("", "/tmp/go");
    equal((await within(15_000, lines.next(), "the second line")).value, "two", "second line");
    equal(await process.stderr.text(), "err\n", "stderr");
    equal((await lines.next()).done, true, "whether the lines have ended");
    equal(await process.wait(), 4, "exit code");
    equal(await process.wait(), 4, "exit code, asked again");
  },

  async "stdout and stderr are read side by side"({ box }) {
    const line = "for n in $(seq 200); do echo o$n; echo e$n >&2; done";
    const process = await box.execShell(line, { stream: true });
    const [out, err, code] = await Promise.all([process.stdout.text(), process.stderr.text(), process.wait()]);
    const expected = (letter) => Array.from({ length: 200 }, (_, n) => `${letter}${n + 1}\n`).join("");
    equal([out, err, code], [expected("o"), expected("e"), 0]);
  },

  async "who waits first loses no output that is asked for in the same turn"({ box }) {
    const process = await box.execShell("echo out; echo err >&2", { stream: true });
    equal(await Promise.all([process.wait(), process.stdout.text(), process.stderr.text()]), [0, "out\n", "err\n"]);
  },

  async "calls of next that overlap are answered in turn"({ box }) {
    const { stdout } = await box.execShell("for n in 1 2 3; do echo $n; sleep 0.1; done", { stream: true });
    const pieces = await Promise.all([stdout.next(), stdout.next(), stdout.next(), stdout.next(), stdout.next()]);
    const bytes = pieces.flatMap(({ value }) => [...(value ?? [])]);
    equal(new TextDecoder().decode(Uint8Array.from(bytes)), "1\n2\n3\n", "output");
    equal(pieces.at(-1).done, true, "whether the last is the end");
  },

  async "the log tells what was"({ box }) {
    const log = await box.streamLogs().text();
    ok(log.startsWith("booted, hello there\n"), `the log does not start with what the box wrote first: ${log}`);
  },

  async "a followed log shows what another call writes"({ box }) {
    const lines = box.streamLogs({ follow: true }).lines();
    const until = async (wanted) => {
      for (let line = await lines.next(); !line.done; line = await lines.next()) if (line.value === wanted) return;
      throw new Error(`the log has ended before "${wanted}"`);
    };
    await within(15_000, until("booted, hello there"), "the first line");
    for (const word of ["eins", "zwei", "drei"]) {
      const seen = until(word);
      await box.execShell(say(word));
      await within(15_000, seen, `the line "${word}"`);
    }
    await lines.return();
  },

  async "a log is left early"({ box }) {
    for await (const piece of box.streamLogs({ follow: true })) {
      ok(piece.length > 0, "a piece is empty");
      break;
    }
  },

  async "break ends the command at the server"({ box }) {
    const process = await box.execShell(FOREVER, { stream: true });
    let pid;
    for await (const line of process.stdout.lines()) {
      pid ??= line;
      if (line === "tick") break;
    }
    await ended(box, pid);
  },

  async "an exception in the loop ends the command at the server"({ box }) {
    const process = await box.execShell(FOREVER, { stream: true });
    let pid;
    const loop = async () => {
      for await (const line of process.stdout.lines()) {
        pid = line;
        throw new RangeError("of the loop's own");
      }
    };
    await rejects(loop(), RangeError);
    await ended(box, pid);
  },

  async "cancelling a ReadableStream ends the command at the server"({ box }) {
    const process = await box.execShell(FOREVER, { stream: true });
    const reader = process.stdout.toReadableStream().getReader();
    const { value } = await reader.read();
    await reader.cancel();
    await ended(box, Number.parseInt(new TextDecoder().decode(value), 10));
  },

  async "kill ends the command, and its whole group"({ box, boxd }) {
    const process = await box.execShell("sleep 300 & echo $!; wait", { stream: true });
    const lines = process.stdout.lines();
    const child = (await lines.next()).value;
    process.kill();
    equal((await rejects(process.wait(), boxd.BoxdError)).code, "CANCELLED", "code");
    await ended(box, child);
    process.kill();
  },

  async "disposing of a process ends it, twice is harmless"({ box }) {
    const process = await box.execShell(FOREVER, { stream: true });
    const pid = (await process.stdout.lines().next()).value;
    await process[Symbol.asyncDispose]();
    await process[Symbol.asyncDispose]();
    await ended(box, pid);
  },

  async "a signal ends a command, and its reason comes back"({ box }) {
    const controller = new AbortController();
    const process = await box.execShell(FOREVER, { stream: true, signal: controller.signal });
    const lines = process.stdout.lines();
    const pid = (await lines.next()).value;
    const reason = new RangeError("had enough");
    controller.abort(reason);
    const drain = async () => {
      while (!(await lines.next()).done);
    };
    equal(await drain().catch((error) => error === reason), true, "whether the stream failed with the reason");
    equal(await process.wait().catch((error) => error === reason), true, "whether the wait failed with the reason");
    await ended(box, pid);
  },

  async "a signal ends a collected command"({ box }) {
    const controller = new AbortController();
    const running = box.execShell("echo $$ > /tmp/pid; sleep 300", { signal: controller.signal });
    const started = await box.execShell("until [ -s /tmp/pid ]; do sleep 0.02; done; cat /tmp/pid");
    controller.abort();
    const error = await rejects(running, Error);
    equal(error.name, "AbortError", "name");
    await ended(box, started.stdout);
  },

  async "a signal ends a log"({ box }) {
    const controller = new AbortController();
    const log = box.streamLogs({ follow: true, signal: controller.signal });
    await log.next();
    const waiting = log.next();
    controller.abort();
    await within(5000, rejects(waiting, Error), "the end of the log");
  },

  async "a signal that has fired keeps everything from being sent"({ box, compute }) {
    const signal = AbortSignal.abort();
    const calls = [
      compute.whoami({ signal }),
      compute.box.list({ signal }),
      box.execShell("touch /tmp/never", { signal }),
      box.execShell("touch /tmp/never", { signal, stream: true }),
      box.writeFile("never", "/tmp/never", { signal }),
      box.readFile("/tmp/text.txt", { signal }),
      box.streamLogs({ signal }).next(),
    ];
    for (const [n, call] of calls.entries()) equal((await rejects(call, Error)).name, "AbortError", `name of error ${n}`);
    equal((await box.execShell("ls /tmp | grep -c never")).stdout, "0\n", "files written");
  },

  async "a slow reader gets everything"({ box }) {
    const process = await box.exec(["seq", "200000"], { stream: true });
    let [length, last] = [0, 0];
    for await (const piece of process.stdout) {
      length += piece.length;
      last = piece.at(-1);
      await new Promise((resolve) => setTimeout(resolve));
    }
    equal([length, last, await process.wait()], [1_288_895, 10, 0]);
  },

  async "a command waits for whoever stops reading"({ box }) {
    const process = await box.execShell("echo $$; exec head -c 2147483648 /dev/zero", { stream: true });
    const pid = parseInt(new TextDecoder().decode((await process.stdout.next()).value.subarray(0, 10)));
    const written = `sed -n 's/^wchar: //p' /proc/${pid}/io`;
    // It writes on until all on the way is full: then it has written as much as a while ago, and again.
    let bytes = "";
    for (let same = 0; same < 20; ) {
      const { stdout } = await box.execShell(written);
      same = stdout === bytes ? same + 1 : 0;
      bytes = stdout;
    }
    // What is on the way is 5 to 20 MB. Were it stored, Chromium would take another 64.
    ok(Number(bytes) > 0 && Number(bytes) < 40 * MIB, `it wrote ${bytes.trim() || "all"} bytes for one that was read`);
    await process.stdout.return();
    await within(15_000, ended(box, pid), "the end of the command");
  },

  async "many calls at once keep apart"({ box, compute }) {
    const numbers = Array.from({ length: 40 }, (_, n) => n);
    const outputs = numbers.map((n) => box.execShell(`echo ${n}; sleep 0.1; echo ${n} >&2`));
    const others = numbers.map(() => compute.whoami());
    const results = await Promise.all(outputs);
    equal(results.map(({ stdout, stderr }) => [stdout, stderr]), numbers.map((n) => [`${n}\n`, `${n}\n`]), "outputs");
    equal(new Set((await Promise.all(others)).map(({ userId }) => userId)).size, 1, "number of callers");
  },
};
