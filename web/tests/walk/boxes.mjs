// Who is calling, and a box: made, found, listed.

import { equal, ok, rejects } from "./check.mjs";
import { intercept } from "./intercept.mjs";

/** Writes to the console what it finds in a file: what `echo >` puts there shows in the box's log. */
const MAIN = "mkfifo lines 2>/dev/null; echo booted, $GREETING; exec cat <>lines";

/** A command line that writes one line to the console. */
export const say = (line) => `cd; until [ -p lines ]; do sleep 0.01; done; echo ${line} > lines`;

export const steps = {
  async "whoami tells who is calling"({ compute }) {
    const me = await compute.whoami();
    ok(me.userId.length > 0, "there is no user id");
    ok(me.defaultNetworkId.length > 0, "there is no default network");
    ok(Array.isArray(me.fingerprints) && typeof me.displayName === "string", "there are no fingerprints, or no name");
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

  async "a wait ends by its signal, in time, and at once when it is in vain"({ compute, boxd }) {
    const box = await compute.box.create({ name: `waited-${Math.random().toString(36).slice(2, 10)}` });
    try {
      await box.waitUntilReady();
      await box.suspend();
      const controller = new AbortController();
      const waiting = box.waitUntilReady({ signal: controller.signal }).catch((error) => error);
      await box.refresh();
      const reason = new Error("no longer wanted");
      controller.abort(reason);
      equal(await waiting, reason, "what an aborted wait is rejected with");
      const late = await rejects(box.waitUntilReady({ timeoutMs: 300 }), boxd.TimeoutError);
      equal([late.code, late.grpcCode], ["DEADLINE_EXCEEDED", 4]);
      const of = `wait until box "${box.name}" (${box.id}) is ready: `;
      equal(late.message, `${of}not ready within 300 ms; its status is suspended (DEADLINE_EXCEEDED)`);
      await rejects(box.waitUntilReady({ timeoutMs: "soon" }), boxd.InvalidArgumentError);
      await box.resume();
      await box.stop();
      const vain = await rejects(box.waitUntilReady(), boxd.BoxdError);
      equal([vain.code, vain.grpcCode], ["FAILED_PRECONDITION", 9]);
      equal(vain.message, `${of}the box is stopped, and will not become ready by itself (FAILED_PRECONDITION)`);
    } finally {
      await box.destroy();
    }
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

  async "a box is made as configured"({ compute }) {
    const disk = await compute.disk.create(`configured-${Math.random().toString(36).slice(2, 10)}`, { size: 2 ** 20 });
    const box = await compute.box.create({
      image: "ubuntu:latest",
      config: {
        vcpu: 1,
        memory: 256 * 2 ** 20,
        disk: "1G",
        env: { WORD: "two words" },
        cmd: ["sh", "-c", 'echo "$WORD"; exec sleep infinity'],
        restartPolicy: "on-failure",
        autoSuspendTimeoutSecs: 3600,
        autoDestroyTimeoutSecs: 7200,
        network: { ssh: false, proxies: [{ name: "api", port: 3001 }] },
        volumes: [{ diskId: disk.id, mountPath: "/mnt/data", readOnly: true }],
      },
    });
    try {
      ok(box.name.length > 0 && new URL(box.url).hostname.startsWith(`${box.name}.`), `it is reached at ${box.url}`);
      await box.waitUntilReady();
      ok(box.publicIp.length > 0 && box.bootTimeMs > 0, `it has booted in ${box.bootTimeMs} ms at "${box.publicIp}"`);
      const { image, restartPolicy, diskBytes, autoSuspendTimeoutSecs } = await compute.box.get(box.id);
      equal([image, restartPolicy, autoSuspendTimeoutSecs], ["ubuntu:latest", "on-failure", 3600], "what it was made with");
      equal(diskBytes, 2 ** 30, "size of its disk");
      for await (const line of box.streamLogs({ follow: true }).lines()) if (line === "two words") break;
      const [place] = (await disk.refresh()).attachments;
      equal([place.boxId, place.mountPath, place.readOnly], [box.id, "/mnt/data", true], "where the disk is");
      equal((await box.execShell("touch /mnt/data/x 2>/dev/null || echo refused")).stdout, "refused\n", "a write to it");
      const proxies = (await box.proxies()).filter(({ isDefault }) => !isDefault);
      equal(proxies.map(({ name, port }) => [name, port]), [["api", 3001]], "its proxies");
    } finally {
      await box.destroy();
      await disk.destroy();
    }
  },

  async "a state that is not known is told as it came"({ box, compute }) {
    // A newer cluster's word for it, of the same length.
    const renamed = async (_, pass) => {
      const answer = await pass();
      const bytes = new Uint8Array(await answer.arrayBuffer());
      const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("").replace("running", "dancing");
      return new Response(Uint8Array.from(text, (letter) => letter.charCodeAt(0)), answer);
    };
    await intercept(renamed, async () => equal((await compute.box.get(box.id)).status, "dancing", "status"));
  },

  async "a box shows its fields and nothing else"({ box }) {
    const shown = JSON.parse(JSON.stringify(box));
    equal([shown.id, shown.name, shown.status], [box.id, box.name, "running"], "JSON");
    const values = Object.values(shown);
    ok(values.every((value) => ["string", "number", "boolean"].includes(typeof value)), `JSON holds ${values}`);
  },
};
