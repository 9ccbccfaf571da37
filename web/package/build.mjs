// Turns what wasm-pack made (pkg/) and src/ into dist/. Run by `cargo xtask npm`, and as `npm run build`.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

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
const OPTIMIZE = ["-Oz", "--converge", "--strip-debug", "--strip-producers", "--strip-target-features", ...FEATURES];

/** The .wasm, small; from the last run if nothing has changed, since this is what takes time. */
function optimize() {
  const input = at("pkg", "core_bg.wasm");
  const output = at("pkg", "boxd.wasm");
  const stamp = `${output}.from`;
  const hash = createHash("sha256").update(readFileSync(input)).update(OPTIMIZE.join()).digest("hex");
  if (!existsSync(output) || !existsSync(stamp) || readFileSync(stamp, "utf8") !== hash) {
    const wasmOpt = at("node_modules", "binaryen", "bin", "wasm-opt");
    execFileSync(process.execPath, [wasmOpt, ...OPTIMIZE, input, "-o", `${output}.new`], { stdio: "inherit" });
    if (readFileSync(`${output}.new`).length >= readFileSync(input).length) {
      throw new Error("wasm-opt has not made the .wasm any smaller");
    }
    renameSync(`${output}.new`, output);
    writeFileSync(stamp, hash);
  }
  copyFileSync(output, join(dist, "boxd.wasm"));
  const text = readFileSync(output).toString("base64");
  writeFileSync(join(dist, "boxd.wasm.base64.js"), `export default "${text}";\n`);
}

/** The entry points and the one chunk that they share, `api.js`. */
async function bundle() {
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
  await build({
    ...shared,
    entryPoints: ["index.browser", "index.inline", "index.workerd", "slim"].map((name) => `src/${name}.ts`),
    outdir: "dist",
    format: "esm",
    splitting: true,
    chunkNames: "api",
    external: ["./boxd.wasm", "./boxd.wasm.base64.js"],
  });
  await build({
    ...shared,
    entryPoints: ["src/index.inline.ts"],
    outfile: "dist/index.cjs",
    format: "cjs",
    plugins: [
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

/** The modules whose types can be seen from `api.ts`. */
const REACHABLE = ["api", "box", "compute", "errors", "load", "process", "result", "stream", "types"];

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
for (const name of ["LICENSE-APACHE", "LICENSE-MIT"]) copyFileSync(at("..", "..", name), at(name));
optimize();
types();
await bundle();
