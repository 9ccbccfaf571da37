// Disks: what stays when boxes go. Run as quickstart.mjs says.

import { Compute } from "boxd";

const compute = new Compute();

async function withBox(use) {
  const box = await compute.box.create();
  try {
    await use(await box.waitUntilReady());
  } finally {
    await box.destroy();
  }
}

const disk = await compute.disk.create(`data-${process.pid}`, { size: "1G" });
console.log(`disk      ${disk.name}, ${disk.sizeBytes} bytes`);

await withBox(async (box) => {
  await disk.attach(box, { mountPath: "/mnt/data" });
  await box.writeFile("carried over", "/mnt/data/note");
  for (const { boxName, mountPath } of disk.attachments) console.log(`attached  to ${boxName} at ${mountPath}`);
  await disk.detach(box);
});

await withBox(async (box) => {
  await disk.attach(box, { mountPath: "/mnt/data", readOnly: true });
  console.log(`read      ${await box.readFile("/mnt/data/note", { as: "text" })}`);
  const { stderr } = await box.exec(["touch", "/mnt/data/new"]);
  console.log(`written   not: ${stderr.trim()}`);
  await disk.detach(box);
});

await disk.destroy();
