// The browser benchmark: every client against the same server, in the same run.
//
//     node run.mjs --server PROGRAM --package boxd.tgz --protoc PROGRAM --chromium PROGRAM [--rounds 4] [--out FOLDER]
//                  [--clients raw,connect,…] [--tests unary,…] [--doc FILE]
//
// Each test of each client gets a Chromium of its own. A round goes through all of them once; the order moves on by one
// from round to round. What counts is the ratio of two clients within one round, and the median of these.
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
import { report } from "./report.mjs";

const MIB = 2 ** 20;

const TESTS = {
  start: async (chromium, url) => {
    const first = await startOf(chromium, url);
    const later = [];
    for (let n = 0; n < 9; n++) later.push(await startOf(chromium, url));
    later.sort((a, b) => a - b);
    return { first, later: later[4] };
  },
  unary: inPage("unary(500)"),
  list: inPage("list(200)"),
  stream: inPage(`stream(${32 << 10}, ${(256 * MIB) / (32 << 10)})`),
  small: inPage("stream(100, 200000)"),
  terminal: inPage(`terminal(${32 << 10}, ${(256 * MIB) / (32 << 10)})`),
  key: inPage("key(1000)"),
};
/** Who can be asked for it: the others do nothing of the kind in a browser. */
const ONLY = { terminal: ["boxd"], key: ["raw", "boxd"] };

async function startOf(chromium, url) {
  const page = await chromium.open(url);
  const ms = await page.evaluate("started");
  await page.close();
  return ms;
}

function inPage(test) {
  return async (chromium, url) => {
    const page = await chromium.open(url);
    await page.evaluate("started");
    const before = await chromium.rendererSeconds();
    const result = await page.evaluate(`tests.${test}`);
    result.cpuSeconds = (await chromium.rendererSeconds()) - before;
    result.heapMib = (await page.evaluate("gc(), performance.memory.usedJSHeapSize")) / MIB;
    await page.close();
    return result;
  };
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
      for (let n = 0; n < clients.length; n++) {
        const client = clients[(n + round) % clients.length];
        if (ONLY[test] && !ONLY[test].includes(client)) continue;
        const chromium = await launch(options.chromium);
        try {
          const url = `${web}/${client}/index.html?${new URLSearchParams({ api, echo })}`;
          const result = await TESTS[test](chromium, url);
          results.push({ round, test, client, ...result });
        } finally {
          await chromium.close();
        }
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

async function startServer(program, folder) {
  const child = spawn(program, [folder], { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: child.stdout })) {
    const [, api, web, echo] = line.match(/^ready api=(\S+) web=(\S+) echo=(\S+)$/) ?? [];
    if (api) return { api, web, echo, stop: () => child.kill() };
  }
  throw new Error(`${program} did not say that it is ready`);
}
