// Access for others: tokens that expire, and API keys. Run as quickstart.mjs says.

import { AuthenticationError, Compute } from "boxd";

const compute = new Compute();

// The token is told this once, by `issued.token`; `list` tells what is known of it.
const issued = await compute.token.create({ expiresInSecs: 3600 });
console.log("token    ", issued);
const delegate = new Compute({ token: issued.token });
console.log("account  ", (await delegate.whoami()).userId);

const known = await compute.token.list();
const ours = known.find(({ expiresAt }) => expiresAt.getTime() === issued.expiresAt.getTime());
console.log("listed   ", "until", ours.expiresAt.toISOString());
await compute.token.revoke(ours.jti);
try {
  await delegate.whoami();
} catch (error) {
  if (!(error instanceof AuthenticationError)) throw error;
  console.log("revoked  ", error.message);
}

const key = await compute.apiKey.create({ name: "example", expiresInSecs: 3600 });
for (const { name, keyPrefix } of await compute.apiKey.list()) console.log("API key  ", name, `${keyPrefix}…`);
await compute.apiKey.delete(key.id);
