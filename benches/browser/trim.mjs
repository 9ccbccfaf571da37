// The part of the wire that the benchmark calls, so that a rival's bundle holds no more than it needs.
//
//     node trim.mjs api.proto Whoami ListVms … > trimmed.proto

import { readFileSync } from "node:fs";

const [file, ...calls] = process.argv.slice(2);
const source = readFileSync(file, "utf8").replace(/^\s*\/\/.*\n/gm, "");

const messages = new Map();
for (const [text, name] of source.matchAll(/^(?:message|enum) (\w+) \{(?:\}|[^]*?^\})\n/gm)) messages.set(name, text);

const rpcs = calls.map((name) => {
  const found = source.match(new RegExp(`^  rpc ${name}\\((?:stream )?(\\w+)\\)\\s*returns \\((?:stream )?(\\w+)\\)`, "m"));
  if (!found) throw new Error(`${file} has no rpc ${name}`);
  return { text: `${found[0]};`, types: [found[1], found[2]] };
});

const kept = new Set();
const keep = (name) => {
  if (kept.has(name)) return;
  kept.add(name);
  for (const [word] of messages.get(name).matchAll(/\b[A-Z]\w*\b/g)) if (messages.has(word)) keep(word);
};
rpcs.flatMap((rpc) => rpc.types).forEach(keep);

const head = source.slice(0, source.indexOf("service ")).trim();
const service = source.match(/^service (\w+)/m)[1];
console.log(`${head}\n\nservice ${service} {\n${rpcs.map((rpc) => rpc.text).join("\n")}\n}\n`);
console.log([...messages].filter(([name]) => kept.has(name)).map(([, text]) => text).join("\n"));
