// Networks of the account. Run as quickstart.mjs says.

import { Compute } from "boxd";

const compute = new Compute();
const unnamed = await compute.network.create(); // the server assigns the id
const named = await compute.network.create({ name: `staging-${process.pid}` });
const { defaultNetworkId } = await compute.whoami();
const known = { [defaultNetworkId]: "default", [unnamed.id]: "unnamed", [named.id]: "staging" };
for (const { id, subnet, status } of await compute.network.list()) {
  console.log(`${(known[id] ?? "other").padEnd(9)} ${id} ${subnet} ${status}`);
}
