// Access for others: tokens and API keys.

import { equal, ok, rejects } from "./check.mjs";

/** How a program sees it: in JSON, in text, and on the console where there is one to look at. */
function shown(value) {
  const { Deno, Bun, process } = globalThis;
  const inspect = Deno?.inspect ?? Bun?.inspect ?? process?.getBuiltinModule?.("node:util").inspect;
  const parts = [JSON.stringify(value), JSON.stringify(Object.entries(value)), String(value), inspect?.(value)];
  return { text: parts.join(" "), onConsole: inspect?.(value) };
}

export const steps = {
  async "a token works until it is revoked"({ compute, boxd, options: { apiUrl } }) {
    const before = Date.now();
    const issued = await compute.token.create({ expiresInSecs: 3600 });
    ok(issued instanceof boxd.Token && issued.token.startsWith("eyJ"), "it is no Token");
    const lives = (issued.expiresAt - before) / 1000;
    ok(lives > 3590 && lives < 3700, `it lives ${lives} seconds`);

    const delegate = new boxd.Compute({ apiUrl, token: issued.token });
    equal(await delegate.whoami(), await compute.whoami(), "whom the token stands for");
    const jti = jtiOf(issued.token);
    const [info] = (await compute.token.list()).filter((one) => one.jti === jti);
    equal(info.expiresAt, issued.expiresAt, "when the list says that it ends");
    ok(info.createdAt instanceof Date && info.createdAt >= before - 2000, `it was created at ${info.createdAt}`);
    ok(!JSON.stringify(info).includes(issued.token), "the list tells the token");

    await compute.token.revoke(jti);
    const error = await rejects(delegate.whoami(), boxd.AuthenticationError, "a call with a revoked token");
    equal([error.code, error.message.includes(issued.token)], ["UNAUTHENTICATED", false]);
    ok(!(await compute.token.list()).some((one) => one.jti === jti), "the list still has it");
    await rejects(compute.token.revoke(jti), boxd.NotFoundError);
    await rejects(compute.token.revoke(""), boxd.InvalidArgumentError);
    await rejects(compute.token.create({ expiresInSecs: -1 }), boxd.InvalidArgumentError);
  },

  async "a token's life is what the server chooses when none is given"({ compute }) {
    const { token, expiresAt } = await compute.token.create();
    ok(expiresAt > Date.now() + 3600_000, `it ends at ${expiresAt}`);
    await compute.token.revoke(jtiOf(token));
  },

  async "an API key works until it is deleted"({ compute, boxd, options }) {
    const before = Date.now() - 2000;
    const issued = await compute.apiKey.create({ name: "ci" });
    ok(issued instanceof boxd.ApiKey && issued.key.startsWith("bx"), "it is no ApiKey");
    equal("expiresAt" in issued, false, "whether it says that it ends");
    const known = async () => (await compute.apiKey.list()).find(({ id }) => id === issued.id);
    const info = await known();
    equal([info.name, info.mine, info.lastUsedAt, info.expiresAt], ["ci", true, undefined, undefined], "what the list tells");
    ok(issued.key.startsWith(info.keyPrefix) && info.keyPrefix.length < issued.key.length, `the list tells ${info.keyPrefix}`);
    ok(info.createdAt >= before, `it was created at ${info.createdAt}`);

    const other = new boxd.Compute({ ...options, apiKey: issued.key });
    equal(await other.whoami(), await compute.whoami(), "whom the key stands for");
    ok((await known()).lastUsedAt >= before, "the list does not tell that it was used");
    await compute.apiKey.delete(issued.id);
    equal(await known(), undefined, "what the list tells");
    await rejects(other.whoami(), boxd.AuthenticationError, "a call with a deleted key");
    await rejects(compute.apiKey.delete(issued.id), boxd.NotFoundError);
    await rejects(compute.apiKey.delete(""), boxd.InvalidArgumentError);
    await rejects(compute.apiKey.create({ name: "" }), boxd.InvalidArgumentError);

    const short = await compute.apiKey.create({ name: "short", expiresInSecs: 60 });
    const lives = (short.expiresAt - Date.now()) / 1000;
    ok(lives > 30 && lives < 90, `it lives ${lives} seconds`);
    await compute.apiKey.delete(short.id);
  },

  async "secrets are shown only to those who ask"({ compute }) {
    const [token, key] = [await compute.token.create(), await compute.apiKey.create({ name: "shown", expiresInSecs: 60 })];
    for (const [value, secret, field] of [[token, token.token, "expiresAt"], [key, key.key, "id"]]) {
      const { text, onConsole } = shown(value);
      ok(!text.includes(secret), "the secret shows");
      ok(JSON.stringify(value).includes(field), `JSON does not show ${field}`);
      ok(onConsole === undefined || onConsole.includes(field), `the console does not show ${field}: ${onConsole}`);
    }
    await compute.token.revoke(jtiOf(token.token));
    await compute.apiKey.delete(key.id);
  },
};

/** The id by which a token is revoked is the `jti` claim in it. */
function jtiOf(token) {
  const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  return JSON.parse(atob(payload)).jti;
}
