// Templates: an image and a size, prepared once to create boxes from. Run as quickstart.mjs says.

import { Compute } from "boxd";

const compute = new Compute();
const unique = (name) => `${name}-${process.pid}`;

const template = await compute.template.create({
  name: unique("t"),
  image: "ubuntu:latest",
  config: { vcpu: 2, memory: "4G" },
});
for (const { name, vcpu, memoryBytes } of await compute.template.list()) {
  console.log(`template  ${name}: ${vcpu} vCPU, ${memoryBytes} bytes`);
}

const box = await compute.template.createVm({ template, name: unique("from-t") });
console.log(`box       ${box.name} of image ${box.image}`);
await box.destroy();
await compute.template.delete(template);
