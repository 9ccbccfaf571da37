// Turns what wasm-pack made (pkg/) and src/ into dist/. Run by `cargo xtask npm`, and as `npm run build`.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { OWN_TYPES, renamed } from "./glue.mjs";
import { withoutPanics } from "./panics.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
const at = (...names) => join(here, ...names);

// The features that current Rust and wasm-bindgen use, which every runtime of the last years has.
const FEATURES = [
  "bulk-memory",
  "bulk-memory-opt",
  "multivalue",
  "mutable-globals",
  "nontrapping-float-to-int",
  "reference-types",
  "sign-ext",
].map((name) => `--enable-${name}`);
// Rust has no use for a trap of a load, which it takes care never to come to, nor for the first kilobyte, the end of its stack.
const ASSUME = ["--ignore-implicit-traps", "--low-memory-unused"];
const OPTIMIZE = ["-Oz", ...ASSUME, "--strip-debug", "--strip-producers", "--strip-target-features", ...FEATURES];
// `__wbg_append_ba9a4dc30a0323fd`: with a hash each, the names by which both sides call each other are 3 kB of a page.
const RENAME = "--minify-imports-and-exports-and-modules";

/**
 * The .wasm, small; from the last run if nothing has changed, since this is what takes time. Answers the new names of its
 * imports and exports.
 */
function optimize() {
  const input = at("pkg", "core_bg.wasm");
  const output = at("pkg", "boxd.wasm");
  const names = `${output}.names.json`;
  const stamp = `${output}.from`;
  const hash = createHash("sha256");
  for (const part of [readFileSync(input), readFileSync(at("panics.mjs")), [...OPTIMIZE, RENAME].join()]) hash.update(part);
  const from = hash.digest("hex");
  if (!existsSync(output) || !existsSync(stamp) || readFileSync(stamp, "utf8") !== from) {
    withoutPanics(input, `${output}.plain`);
    const wasmOpt = at("node_modules", "binaryen", "bin", "wasm-opt");
    const command = [wasmOpt, ...OPTIMIZE, RENAME, `${output}.plain`, "-o", `${output}.new`];
    writeFileSync(names, execFileSync(process.execPath, command, { stdio: ["ignore", "pipe", "inherit"] }));
    if (readFileSync(`${output}.new`).length >= readFileSync(input).length) {
      throw new Error("wasm-opt has not made the .wasm any smaller");
    }
    renameSync(`${output}.new`, output);
    writeFileSync(stamp, from);
  }
  copyFileSync(output, join(dist, "boxd.wasm"));
  const text = readFileSync(output).toString("base64");
  writeFileSync(join(dist, "boxd.wasm.base64.js"), `export default "${text}";\n`);
  return JSON.parse(readFileSync(names, "utf8"));
}

/** The entry points and the one chunk that they share, `api.js`. */
async function bundle(names) {
  const shared = {
    bundle: true,
    // Names stay, for the stack traces of those who have no source map.
    minifySyntax: true,
    minifyWhitespace: true,
    target: "es2022",
    logLevel: "warning",
    legalComments: "none",
    absWorkingDir: here,
  };
  const rename = {
    name: "rename",
    setup: (esbuild) =>
      esbuild.onLoad({ filter: /pkg.core\.js$/ }, ({ path }) => ({
        contents: renamed(readFileSync(path, "utf8"), names),
      })),
  };
  await build({
    ...shared,
    entryPoints: ["index.browser", "index.inline", "index.workerd", "slim"].map((name) => `src/${name}.ts`),
    outdir: "dist",
    format: "esm",
    splitting: true,
    chunkNames: "api",
    external: ["./boxd.wasm", "./boxd.wasm.base64.js"],
    plugins: [rename],
  });
  for (const format of ["esm", "cjs"]) {
    const outExtension = { ".js": format === "cjs" ? ".cjs" : ".js" };
    await build({ ...shared, entryPoints: ["src/xterm.ts"], outdir: "dist", outExtension, format });
  }
  await build({
    ...shared,
    entryPoints: ["src/index.inline.ts"],
    outfile: "dist/index.cjs",
    format: "cjs",
    plugins: [
      rename,
      {
        name: "inlined",
        setup: (esbuild) =>
          esbuild.onResolve({ filter: /\.base64\.js$/ }, () => ({ path: join(dist, "boxd.wasm.base64.js") })),
      },
    ],
  });
}

/** The published types, once for modules and once for CommonJS. */
function types() {
  const all = join(dist, "types");
  const core = at("pkg", "core.d.ts");
  const declared = readFileSync(core, "utf8");
  if (!declared.endsWith(OWN_TYPES)) writeFileSync(core, declared + OWN_TYPES);
  execFileSync(process.execPath, [at("node_modules", "typescript", "bin", "tsc"), "-p", here], { stdio: "inherit" });
  for (const name of REACHABLE) {
    const text = readFileSync(join(all, `${name}.d.ts`), "utf8");
    writeFileSync(join(dist, `${name}.d.ts`), text);
    writeFileSync(join(dist, `${name}.d.cts`), text.replace(/from "(\.\/[^"]+)\.js"/g, 'from "$1.cjs"'));
  }
  rmSync(all, { recursive: true });
  writeFileSync(join(dist, "index.d.ts"), 'export * from "./api.js";\n');
  writeFileSync(join(dist, "index.d.cts"), 'export * from "./api.cjs";\n');
}

/** The modules whose types can be seen from `api.ts` and `xterm.ts`. */
const REACHABLE = [
  "api",
  "api-keys",
  "box",
  "compute",
  "disks",
  "domains",
  "errors",
  "load",
  "networks",
  "process",
  "result",
  "stream",
  "templates",
  "tokens",
  "types",
  "xterm",
];

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
for (const name of ["LICENSE-APACHE", "LICENSE-MIT"]) copyFileSync(at("..", "..", name), at(name));
const names = optimize();
types();
await bundle(names);
