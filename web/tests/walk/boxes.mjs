// Who is calling, and a box: made, found, listed.

import { equal, ok } from "./check.mjs";

/** Writes to the console what it finds in a file: what `echo >` puts there shows in the box's log. */
const MAIN = "mkfifo lines 2>/dev/null; echo booted, $GREETING; exec cat <>lines";

/** A command line that writes one line to the console. */
export const say = (line) => `cd; until [ -p lines ]; do sleep 0.01; done; echo ${line} > lines`;

export const steps = {
  async "whoami tells who is calling"({ compute }) {
    const me = await compute.whoami();
    ok(me.userId.length > 0, "there is no user id");
    ok(Array.isArray(me.fingerprints), "there are no fingerprints");
  },

  async "config tells the cluster's defaults"({ compute }) {
    const { defaultImage, zone } = await compute.config();
    ok(defaultImage.length > 0, "there is no default image");
    ok(zone.length > 0, "there is no zone");
  },

  async "create makes a box"(walker) {
    const { compute, boxd } = walker;
    const name = `walk-${Math.random().toString(36).slice(2, 10)}`;
    const config = { cmd: ["sh", "-c", MAIN], env: { GREETING: "hello there" }, memory: "256M" };
    const box = await compute.box.create({ name, config });
    ok(box instanceof boxd.Box, "it is no Box");
    equal(box.name, name, "name");
    ok(box.id.length > 0, "there is no id");
    walker.box = box;
  },

  async "waitUntilReady waits until commands run"({ box }) {
    equal(await box.waitUntilReady({ timeoutMs: 60_000 }), box, "what it gives");
    equal(box.status, "running", "status");
  },

  async "get finds it by name and by id"({ compute, box, boxd }) {
    for (const key of [box.name, box.id]) {
      const found = await compute.box.get(key);
      ok(found instanceof boxd.Box, "it is no Box");
      equal([found.id, found.name, found.status], [box.id, box.name, "running"], `the box called ${key}`);
      ok(found.diskBytes >= 0, "it has no disk size");
      equal(found.restartPolicy, "always", "restart policy");
    }
  },

  async "list shows it"({ compute, box, boxd }) {
    const all = await compute.box.list();
    ok(all.every((one) => one instanceof boxd.Box), "not all are Boxes");
    equal(all.filter(({ id }) => id === box.id).map(({ name, status }) => [name, status]), [[box.name, "running"]]);
  },

  async "a box shows its fields and nothing else"({ box }) {
    const shown = JSON.parse(JSON.stringify(box));
    equal([shown.id, shown.name, shown.status], [box.id, box.name, "running"], "JSON");
    const values = Object.values(shown);
    ok(values.every((value) => ["string", "number", "boolean"].includes(typeof value)), `JSON holds ${values}`);
  },
};
