// What a box goes through: forked, suspended, stopped, destroyed.

import { equal, ok, rejects, within } from "./check.mjs";

export const steps = {
  async "a fork has the files, and from then on its own"({ compute, box }) {
    await box.writeFile("kept", "fork.txt");
    const fork = await compute.box.fork(box, { name: `${box.name}-fork` });
    try {
      await fork.waitUntilReady();
      equal([fork.name, fork.forkedFrom !== undefined], [`${box.name}-fork`, true]);
      equal(await fork.readFile("fork.txt", { as: "text" }), "kept", "the fork's file");
      await fork.writeFile("changed", "fork.txt");
      equal(await box.readFile("fork.txt", { as: "text" }), "kept", "the source's file");
    } finally {
      await fork.destroy();
    }
  },

  async "a fork is made by name too"({ compute, box }) {
    const fork = await compute.box.fork(box.name);
    ok(fork.name.length > 0 && fork.id !== box.id, "it is no box of its own");
    await fork.destroy();
  },

  async "a suspended box stands still and goes on with its memory"({ box }) {
    const counting = await box.execShell("n=0; while :; do n=$((n+1)); echo $n; sleep 0.02; done", { stream: true });
    const lines = counting.stdout.lines();
    equal((await lines.next()).value, "1", "first number");
    const { durationMs } = await box.suspend();
    ok(durationMs > 0, `it took ${durationMs} ms`);
    equal(box.status, "suspended", "status");
    equal((await box.refresh()).status, "suspended", "status, asked for");
    ok((await box.resume()).durationMs > 0, "the resume took no time");
    equal(box.status, "running", "status");
    let last = 1;
    for await (const line of lines) {
      // Every number in turn: the process is the same one.
      equal(Number(line), ++last, "next number");
      if (last === 50) break;
    }
  },

  async "a stopped box keeps its files and starts again"({ box }) {
    await box.writeFile("still here", "kept.txt");
    await box.stop();
    equal((await box.refresh()).status, "stopped", "status");
    await box.start();
    await box.waitUntilReady();
    equal(await box.readFile("kept.txt", { as: "text" }), "still here", "content");
  },

  async "reboot boots again"({ box }) {
    const boots = (text) => text.split("\n").filter((line) => line.startsWith("booted")).length;
    const before = boots(await box.streamLogs().text());
    const again = async () => {
      let seen = 0;
      for await (const line of box.streamLogs({ follow: true }).lines()) {
        seen += boots(line);
        if (seen > before) return;
      }
      throw new Error("the log has ended");
    };
    const booted = again();
    await box.reboot();
    await box.waitUntilReady();
    await within(15_000, booted, "another boot");
  },

  async "destroy ends it for good"({ compute, box, boxd }) {
    await box.destroy();
    equal(box.status, "destroyed", "status");
    await rejects(box.destroy(), boxd.NotFoundError, "a second destroy");
    await rejects(compute.box.get(box.id), boxd.NotFoundError, "a get");
    ok(!(await compute.box.list()).some(({ id }) => id === box.id), "the list still has it");
  },
};
