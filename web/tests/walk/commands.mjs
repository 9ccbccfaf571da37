// Commands, run to their end.

import { equal, ok, rejects } from "./check.mjs";

const decode = (bytes) => new TextDecoder().decode(bytes);

export const steps = {
  async "exec gives output and exit code"({ box, boxd }) {
    const result = await box.exec(["echo", "hello"]);
    ok(result instanceof boxd.ExecResult, "it is no ExecResult");
    equal([result.stdout, result.stderr, result.exitCode, result.success], ["hello\n", "", 0, true]);
  },

  async "exec hands every argument over as it is"({ box }) {
    const words = ["", " ", "a b", "it's", '"quoted"', "$HOME", "`date`", "\\", "new\nline", "*", "ünï→😀", "-n"];
    const { stdout } = await box.exec(["printf", "%s\\0", ...words]);
    equal(stdout.split("\0").slice(0, -1), words, "arguments");
  },

  async "exec takes variables, a folder and input"({ box }) {
    const value = "two words, $HOME and 'quotes'";
    const line = 'printf "%s|%s|" "$GIVEN" "$PWD"; cat';
    const { stdout } = await box.exec(["sh", "-c", line], { env: { GIVEN: value }, cwd: "/tmp", stdin: "from here" });
    equal(stdout, `${value}|/tmp|from here`, "stdout");
  },

  async "exec takes input in every form"({ box }) {
    const text = "ünï😀\0end";
    const bytes = new TextEncoder().encode(text);
    for (const stdin of [text, bytes, bytes.buffer, new Blob([bytes]), new Response(bytes).body]) {
      const { stdoutBytes } = await box.exec(["cat"], { stdin });
      equal(decode(stdoutBytes), text, `what ${stdin.constructor.name} gave`);
    }
  },

  async "exec takes no input when none is given"({ box }) {
    equal((await box.exec(["cat"])).stdout, "", "stdout");
  },

  async "variables and folder hold for a whole shell line"({ box }) {
    const { stdout } = await box.execShell("true && echo $WORD | tr a-z A-Z; pwd", { env: { WORD: "loud" }, cwd: "/usr" });
    equal(stdout, "LOUD\n/usr\n", "stdout");
  },

  async "stderr is apart from stdout"({ box }) {
    const { stdout, stderr, exitCode } = await box.execShell("echo out; echo err >&2; exit 3");
    equal([stdout, stderr, exitCode], ["out\n", "err\n", 3]);
  },

  async "every exit code arrives"({ box }) {
    const codes = [0, 1, 2, 7, 126, 127, 128, 200, 255];
    const results = await Promise.all(codes.map((code) => box.exec(["sh", "-c", `exit ${code}`])));
    equal(results.map(({ exitCode }) => exitCode), codes, "exit codes");
    equal(results.map(({ success }) => success), codes.map((code) => code === 0), "successes");
    equal((await box.exec(["sh", "-c", "kill -TERM $$"])).exitCode, 143, "exit code of a command that a signal ended");
  },

  async "output that is no text arrives byte for byte"({ box }) {
    const every = Uint8Array.from({ length: 256 }, (_, n) => n);
    equal((await box.exec(["cat"], { stdin: every })).stdoutBytes, every, "stdout");
  },

  async "output beyond its limit is cut, and it says so"({ box }) {
    const { stdoutBytes, stdoutCut } = await box.exec(["seq", "100000"], { outputLimit: 1000 });
    equal(stdoutBytes.length, 1000, "length");
    equal(stdoutCut, { at: 500, bytes: 588_895 - 1000 }, "cut");
    ok(decode(stdoutBytes).startsWith("1\n2\n") && decode(stdoutBytes).endsWith("99999\n100000\n"), "the ends are not kept");
  },

  async "a command that takes too long ends with what it wrote"({ box, boxd }) {
    const late = box.execShell("echo early; sleep 300", { timeoutMs: 1500 });
    const error = await rejects(late, boxd.TimeoutError);
    equal([error.code, error.output?.stdout], ["DEADLINE_EXCEEDED", "early\n"]);
  },
};
