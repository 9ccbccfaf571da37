// How a box is reached: proxies, external domains, public ports.

import { equal, ok, rejects } from "./check.mjs";

export const steps = {
  async "proxies are created, pointed elsewhere and deleted"({ box, boxd }) {
    const told = async () => (await box.proxies()).map(({ name, port, isDefault }) => [name, port, isDefault]).sort();
    const [[, fallback]] = await told();
    equal(await told(), [["", fallback, true]], "the proxies of a new box");

    const made = await box.createProxy("api", { port: 3001 });
    equal([made.name, made.port, made.boxName, made.isDefault], ["api", 3001, box.name, false], "the new proxy");
    ok(made.domain.startsWith(`api.${box.name}.`), `its domain is ${made.domain}`);
    equal(await told(), [["", fallback, true], ["api", 3001, false]], "the proxies");

    await box.setProxyPort({ port: 3000 });
    await box.setProxyPort({ port: 3002, name: "api" });
    equal(await told(), [["", 3000, true], ["api", 3002, false]], "the proxies");
    const shown = JSON.parse(JSON.stringify(await box.proxies()));
    ok(shown.every(({ domain, boxId }) => domain && (boxId === undefined || boxId === box.id)), "JSON does not tell all");

    const taken = await rejects(box.createProxy("api", { port: 1 }), boxd.InvalidArgumentError);
    ok(taken.message.includes(`create proxy "api" of box "${box.name}"`), `it does not say what: ${taken.message}`);
    await box.deleteProxy("api");
    equal(await told(), [["", 3000, true]], "the proxies");
    await rejects(box.deleteProxy("api"), boxd.NotFoundError);
    await rejects(box.setProxyPort({ port: 1, name: "api" }), boxd.NotFoundError);
    await box.setProxyPort({ port: fallback });
  },

  async "what cannot be a proxy or a port is refused before anything is sent"({ box, boxd }) {
    const wrong = [
      [() => box.createProxy("", { port: 1 }), "name: "],
      [() => box.createProxy("api", { port: 65_536 }), "port: "],
      [() => box.createProxy("api", { port: 1.5 }), "port: "],
      [() => box.setProxyPort({ port: -1 }), "port: "],
      [() => box.deleteProxy(""), "name: "],
      [() => box.exposePort(0), "port: "],
      [() => box.unexposePort("80"), "port: "],
    ];
    for (const [call, what] of wrong) {
      const { message, grpcCode } = await rejects(call(), boxd.InvalidArgumentError);
      ok(message.startsWith(what) && grpcCode === undefined, `it was not refused as ${what}: ${message}`);
    }
  },

  async "domains are bound by box, name and id, listed and unbound"({ compute, box, boxd }) {
    const domains = ["a", "b", "c"].map((letter) => `${letter}.${box.name}.example.com`);
    const bound = async () =>
      (await compute.domain.list()).filter(({ boxId }) => boxId === box.id).map(({ domain }) => domain).sort();
    const targets = [box, box.name, box.id];
    for (const [n, domain] of domains.entries()) await compute.domain.bind(domain, targets[n]);
    equal(await bound(), domains, "the bound domains");
    const again = await rejects(compute.domain.bind(domains[0], box), boxd.InvalidArgumentError);
    ok(again.message.includes(domains[0]), `it does not name the domain: ${again.message}`);
    for (const domain of domains) await compute.domain.unbind(domain);
    equal(await bound(), [], "the bound domains");
    await rejects(compute.domain.unbind(domains[0]), boxd.NotFoundError);
    await rejects(compute.domain.bind(domains[0], "no-such-box"), boxd.NotFoundError);
    for (const wrong of ["", "not a domain"]) await rejects(compute.domain.bind(wrong, box), boxd.InvalidArgumentError);
    await rejects(compute.domain.unbind(""), boxd.InvalidArgumentError);
  },

  async "ports are exposed, listed and taken back"({ box, boxd }) {
    const forward = await box.exposePort(5432);
    equal([forward.port, forward.protocol, forward.boxName], [5432, "tcp", box.name], "the forward");
    ok(forward.publicPort > 0 && forward.dns.length > 0, `it is reached at ${forward.dns}:${forward.publicPort}`);
    equal((await box.exposePort(5432)).publicPort, forward.publicPort, "the public port of the same again");
    equal(await box.ports(), [forward], "the ports");
    equal(await box.unexposePort(5432), forward, "what was taken back");
    equal(await box.ports(), [], "the ports");
    await rejects(box.unexposePort(5432), boxd.NotFoundError);
    await rejects(box.exposePort(1, { protocol: "pigeon" }), boxd.InvalidArgumentError);
  },
};
