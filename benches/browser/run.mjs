// The browser benchmark: every client against the same server, in the same run.
//
//     node run.mjs --server PROGRAM --package boxd.tgz --protoc PROGRAM --chromium PROGRAM [--rounds 4] [--out FOLDER]
//                  [--clients raw,connect,…] [--tests unary,…] [--doc FILE]
//
// In each test each client has a Chromium of its own. What is over soon they do by turns, so that whatever else slows the
// machine slows all of them; streams each does alone, several in a row, so that each collects its own garbage. A round goes
// through all tests once; the order moves on by one from round to round. What counts is the ratio of two clients within one
// round, and the median of these.
//
// `--doc` puts the tables into a Markdown file, in place of its block of ```text.

import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { createInterface } from "node:readline";
import { CLIENTS, buildPages } from "./build.mjs";
import { launch } from "./chromium.mjs";
import { median, report } from "./report.mjs";

const MIB = 2 ** 20;

/** What a page is asked for, how often, what before, in how many fresh Chromiums, and whether the clients take turns. */
const TESTS = {
  start: { bursts: 3, times: 5, turns: true },
  unary: { bursts: 40, turns: true, ask: "unary(100)", before: "unary(300)" },
  list: { bursts: 10, turns: true, ask: "list(20)", before: "firstList(20)" },
  stream: { bursts: 5, ask: `stream(${32 << 10}, ${(256 * MIB) / (32 << 10)})`, before: `stream(${32 << 10}, 64)` },
  small: { bursts: 1, ask: "stream(100, 200000)", before: "stream(100, 64)" },
  terminal: { bursts: 5, ask: `terminal(${32 << 10}, ${(256 * MIB) / (32 << 10)})`, before: `terminal(${32 << 10}, 64)` },
  key: { bursts: 1, ask: "key(1000)", before: "key(50)" },
};
/** Who can be asked for it: the others do nothing of the kind in a browser. */
const ONLY = { terminal: ["boxd"], key: ["raw", "boxd"] };

async function startOf({ chromium, url }) {
  const page = await chromium.open(url);
  const ms = await page.evaluate("started");
  await page.close();
  return ms;
}

const medians = (figures) =>
  Object.fromEntries(Object.keys(figures[0]).map((field) => [field, median(figures.map((one) => one[field]))]));

/** Has the clients do a test by turns. Answers a figure per field for each: the median of its bursts. */
async function takeTurns(test, clients) {
  const { bursts, ask, before } = TESTS[test];
  for (const client of clients) {
    client.figures = [];
    if (test === "start") {
      client.result = { first: await startOf(client) };
      continue;
    }
    client.page = await client.chromium.open(client.url);
    await client.page.evaluate("started");
    client.cpuSeconds = await client.chromium.rendererSeconds();
    client.result = await client.page.evaluate(`tests.${before}`);
  }
  for (let burst = 0; burst < bursts; burst++) {
    // There and back: nobody always comes after the same one, whose garbage is collected then.
    for (const client of burst % 2 ? clients.toReversed() : clients) {
      client.figures.push(ask ? await client.page.evaluate(`tests.${ask}`) : { later: await startOf(client) });
    }
  }
  for (const { chromium, page, figures, result, cpuSeconds } of clients) {
    Object.assign(result, medians(figures));
    if (!page) continue;
    result.cpuSeconds = (await chromium.rendererSeconds()) - cpuSeconds;
    result.heapMib = (await page.evaluate("gc(), performance.memory.usedJSHeapSize")) / MIB;
  }
}

const { values: options } = parseArgs({
  options: {
    server: { type: "string" },
    package: { type: "string" },
    protoc: { type: "string" },
    chromium: { type: "string" },
    rounds: { type: "string", default: "4" },
    out: { type: "string", default: "target/bench-browser" },
    clients: { type: "string", default: CLIENTS.join() },
    tests: { type: "string", default: Object.keys(TESTS).join() },
    doc: { type: "string" },
  },
});
const clients = options.clients.split(",");
for (const name of ["server", "protoc", "chromium", ...(clients.includes("boxd") ? ["package"] : [])]) {
  if (!options[name]) throw new Error(`--${name} is missing`);
}
const out = resolve(options.out);
const tests = options.tests.split(",");
const rounds = Number(options.rounds);

const { pages, sizes } = await buildPages({ out, protoc: options.protoc, tarball: options.package, clients });
const { api, web, echo, stop } = await startServer(options.server, pages);

const results = [];
try {
  for (let round = 0; round < rounds; round++) {
    for (const test of tests) {
      const order = clients
        .map((_, n) => clients[(n + round) % clients.length])
        .filter((client) => ONLY[test]?.includes(client) ?? true);
      for (const together of TESTS[test].turns ? [order] : order.map((client) => [client])) {
        const figures = await measure(test, together);
        for (const client of together) results.push({ round, test, client, ...medians(figures[client]) });
      }
    }
    console.error(`round ${round + 1} of ${rounds} done`);
  }
} finally {
  stop();
}

const machine = `${cpus().length} × ${cpus()[0].model}, Node ${process.version}`;
mkdirSync(out, { recursive: true });
writeFileSync(join(out, "results.json"), `${JSON.stringify({ machine, rounds, sizes, results }, null, 1)}\n`);
const tables = report({ machine, rounds, sizes, clients, tests, results });
console.log(tables);
if (options.doc) {
  const page = readFileSync(options.doc, "utf8");
  writeFileSync(options.doc, page.replace(/^```text\n[^]*?^```$/m, () => `\`\`\`text\n${tables}\n\`\`\``));
}

/** Has these clients do a test, each in a Chromium of its own, as often as it says. Answers a list of figures for each. */
async function measure(test, together) {
  const figures = Object.fromEntries(together.map((client) => [client, []]));
  for (let time = 0; time < (TESTS[test].times ?? 1); time++) {
    const asked = [];
    try {
      for (const client of together) {
        const url = `${web}/${client}/index.html?${new URLSearchParams({ api, echo })}`;
        asked.push({ client, url, chromium: await launch(options.chromium) });
      }
      await takeTurns(test, asked);
    } finally {
      for (const { chromium } of asked) await chromium.close();
    }
    for (const { client, result } of asked) figures[client].push(result);
  }
  return figures;
}

async function startServer(program, folder) {
  const child = spawn(program, [folder], { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: child.stdout })) {
    const [, api, web, echo] = line.match(/^ready api=(\S+) web=(\S+) echo=(\S+)$/) ?? [];
    if (api) return { api, web, echo, stop: () => child.kill() };
  }
  throw new Error(`${program} did not say that it is ready`);
}
