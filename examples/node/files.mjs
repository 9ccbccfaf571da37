// Files and folders of a box. Run as quickstart.mjs says.

import { openAsBlob } from "node:fs";
import { Compute } from "boxd";

const compute = new Compute();
const box = await compute.box.create();
try {
  await box.waitUntilReady();
  await box.mkdir("/srv/app");
  await box.writeFile("text content", "/srv/app/file.txt");
  await box.writeFile(Uint8Array.of(0, 159, 146, 150), "/srv/app/file.bin");
  // A file of this machine, read piece by piece.
  await box.writeFile(await openAsBlob(new URL(import.meta.url)), "/srv/app/files.mjs");
  console.log(`read      ${await box.readFile("/srv/app/file.txt", { as: "text" })}`);
  console.log(`read      ${(await box.readFile("/srv/app/file.bin")).length} bytes`);

  await box.renamePath("/srv/app/file.bin", "/srv/app/data.bin");
  await box.copyPath("/srv/app", "/srv/copy");
  await box.removePath("/srv/app");
  for (const { permissions, sizeBytes, name } of (await box.listDir("/srv/copy")).entries) {
    console.log(`listed    ${permissions} ${String(sizeBytes).padStart(6)} ${name}`);
  }
} finally {
  await box.destroy();
}
