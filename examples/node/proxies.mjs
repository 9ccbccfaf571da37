// Ways into a box: HTTP proxies, external domains, public ports. Run as quickstart.mjs says.

import { Compute } from "boxd";

const compute = new Compute();
const box = await compute.box.create();
try {
  await box.createProxy("api", { port: 3001 }); // api.<box>.<zone> -> port 3001
  await box.setProxyPort({ port: 3000 }); // the default proxy, <box>.<zone>
  await box.setProxyPort({ port: 3002, name: "api" });
  for (const { name, domain, port } of await box.proxies()) {
    console.log(`proxy     ${name || "default"}: ${domain} -> port ${port}`);
  }
  await box.deleteProxy("api");

  // Its DNS must already point at the cluster's proxy.
  const domain = `${box.name}.example.com`;
  await compute.domain.bind(domain, box);
  for (const bound of await compute.domain.list()) console.log(`domain    ${bound.domain} -> ${bound.boxId}`);
  await compute.domain.unbind(domain);

  const { port, publicPort, dns } = await box.exposePort(5432);
  console.log(`port      ${dns}:${publicPort} -> port ${port}`);
  await box.unexposePort(5432);
} finally {
  await box.destroy();
}
