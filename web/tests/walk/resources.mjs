// What is beside boxes: templates, disks, networks.

import { equal, ok, rejects } from "./check.mjs";

const unique = (name) => `${name}-${Math.random().toString(36).slice(2, 10)}`;

export const steps = {
  async "boxes are created from templates"({ compute, boxd }) {
    const [name, image] = [unique("t"), "ubuntu:latest"];
    const config = { vcpu: 2, memory: "256M", autoSuspendTimeoutSecs: 3600 };
    const template = await compute.template.create({ name, image, config });
    equal([template.name, template.image], [name, image], "the template");
    ok(template.id.length > 0, "there is no id");
    const [listed] = (await compute.template.list()).filter(({ id }) => id === template.id);
    equal([listed.name, listed.image, listed.vcpu, listed.memoryBytes], [name, image, 2, 256 * 2 ** 20], "what list tells");
    const taken = await rejects(compute.template.create({ name }), boxd.InvalidArgumentError);
    ok(taken.message.includes(name), `it does not name the template: ${taken.message}`);

    const box = await compute.template.createVm({ template, name: unique("from-t") });
    const other = await compute.template.createVm({ template: template.id, config: { autoSuspendTimeoutSecs: 60 } });
    try {
      ok(box instanceof boxd.Box && box.image === image, `it is no Box of ${image}`);
      await box.waitUntilReady();
      equal((await box.exec(["echo", "ready"])).stdout, "ready\n", "stdout");
      equal((await box.refresh()).autoSuspendTimeoutSecs, 3600, "the template's timer");
      equal((await other.refresh()).autoSuspendTimeoutSecs, 60, "the box's own timer");
    } finally {
      await box.destroy();
      await other.destroy();
    }
    await compute.template.delete(template);
    await rejects(compute.template.delete(template.id), boxd.NotFoundError);
    await rejects(compute.template.createVm({ template }), boxd.NotFoundError);
  },

  async "what cannot be a template is refused before anything is sent"({ compute, boxd }) {
    const wrong = [
      [() => compute.template.create({ name: "" }), "name: "],
      [() => compute.template.create({ name: "t", config: { memory: "lots" } }), "memory: "],
      [() => compute.template.create({ name: "t", config: { env: { A: "b" } } }), "config: "],
      [() => compute.template.create({ name: 1 }), "name: "],
      [() => compute.template.createVm({ template: "" }), "template: "],
      [() => compute.template.delete(""), "template: "],
    ];
    for (const [call, what] of wrong) {
      const { message, grpcCode } = await rejects(call(), boxd.InvalidArgumentError);
      ok(message.startsWith(what) && grpcCode === undefined, `it was not refused as ${what}: ${message}`);
    }
  },

  async "a disk is attached, keeps its files and goes with no box"({ compute, box, boxd }) {
    const name = unique("data");
    const disk = await compute.disk.create(name, { size: "64M" });
    ok(disk instanceof boxd.Disk, "it is no Disk");
    equal([disk.name, disk.sizeBytes, disk.attachments], [name, 64 * 2 ** 20, []], "the disk");
    for (const key of [name, disk.id]) equal((await compute.disk.get(key)).id, disk.id, `the disk called ${key}`);

    await disk.attach(box, { mountPath: "/mnt/data" });
    const place = { boxId: box.id, boxName: box.name, mountPath: "/mnt/data", readOnly: false };
    equal(disk.attachments, [place], "where it says that it is");
    equal((await disk.refresh()).attachments, [place], "where the server says that it is");
    await box.writeFile("kept", "/mnt/data/file");
    const refused = await rejects(disk.destroy(), boxd.BoxdError);
    equal(refused.code, "FAILED_PRECONDITION", "code of a destroy while it is attached");
    await disk.detach(box.name);
    equal(disk.attachments, [], "where it says that it is");
    equal((await box.exec(["test", "-e", "/mnt/data/file"])).exitCode, 1, "whether the file is still seen");

    await disk.attach(box.id, { mountPath: "/mnt/data", readOnly: true });
    equal((await compute.disk.get(name)).attachments, [{ ...place, readOnly: true }], "where the server says that it is");
    equal(await box.readFile("/mnt/data/file", { as: "text" }), "kept", "content");
    const written = await box.execShell("echo more >> /mnt/data/file");
    ok(!written.success && written.stderr.includes("Read-only"), `a write gave ${JSON.stringify(written)}`);
    const [listed] = (await compute.disk.list()).filter(({ id }) => id === disk.id);
    const shown = JSON.parse(JSON.stringify(listed));
    equal([shown.name, shown.attachments], [name, [{ ...place, readOnly: true }]], "JSON");
    await disk.detach(box);
    await disk.destroy();
    equal(disk.status, "destroyed", "status");
    for (const gone of [() => disk.refresh(), () => disk.destroy(), () => compute.disk.get(name)]) {
      const { message, grpcCode } = await rejects(gone(), boxd.NotFoundError);
      ok(message.includes(name) && grpcCode === 5, `it does not name the disk: ${message}`);
    }
  },

  async "what cannot be a disk is refused before anything is sent"({ compute, boxd }) {
    const disk = await compute.disk.create(unique("small"), { size: 2 ** 20 });
    equal(disk.sizeBytes, 2 ** 20, "size");
    const wrong = [
      [() => compute.disk.create("", { size: "1G" }), "name: "],
      [() => compute.disk.create("data", { size: "" }), "size: "],
      [() => compute.disk.create("data", { size: "big" }), 'size: "big"'],
      [() => compute.disk.get(""), "nameOrId: "],
      [() => disk.attach("box", { mountPath: "mnt" }), "mountPath: "],
    ];
    for (const [call, what] of wrong) {
      const { message, grpcCode } = await rejects(call(), boxd.InvalidArgumentError);
      ok(message.startsWith(what) && grpcCode === undefined, `it was not refused as ${what}: ${message}`);
    }
    await rejects(disk.attach("no-such-box", { mountPath: "/mnt" }), boxd.NotFoundError);
    await rejects(disk.detach("no-such-box"), boxd.NotFoundError);
    await disk.destroy();
  },

  async "networks are created and listed"({ compute, boxd }) {
    const name = unique("staging");
    const [unnamed, named] = [await compute.network.create(), await compute.network.create({ name })];
    const all = await compute.network.list();
    const { defaultNetworkId } = await compute.whoami();
    for (const id of [unnamed.id, named.id, defaultNetworkId]) {
      const network = all.find((one) => one.id === id);
      ok(network?.subnet && network.status, `the list tells of ${id} ${JSON.stringify(network)}`);
    }
    equal(new Set(all.map(({ subnet }) => subnet)).size, all.length, "number of different subnets");
    await rejects(compute.network.create({ name }), boxd.InvalidArgumentError);
  },
};
