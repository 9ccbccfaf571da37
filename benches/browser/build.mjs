// Makes a page per client: the rivals' code is generated from the wire's own .proto, the package is the packed one.

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const PROTO = join(HERE, "../../proto/boxd/api/v1/api.proto");
const CALLS = ["Whoami", "ListVms", "StreamLogs"];

export const CLIENTS = ["raw", "connect", "grpc-web", "boxd"];

/**
 * Builds into `out/pages`. Answers what each client's page loads, in bytes, as it is and as gzip makes it.
 */
export async function buildPages({ out, protoc, tarball, clients }) {
  rmSync(out, { recursive: true, force: true });
  const [generated, pages, modules] = ["generated", "pages", "modules"].map((name) => join(out, name));
  generate(generated, protoc);

  const packaged = join(modules, "package");
  if (clients.includes("boxd")) {
    mkdirSync(modules, { recursive: true });
    execFileSync("tar", ["-xzf", tarball, "-C", modules]);
  }

  const sizes = {};
  for (const client of clients) {
    const folder = join(pages, client);
    await build({
      entryPoints: [join(HERE, "page.mjs")],
      outfile: join(folder, "page.js"),
      bundle: true,
      minify: true,
      format: "esm",
      target: "es2022",
      conditions: ["browser", "production"],
      mainFields: ["browser", "module", "main"],
      alias: { client: join(HERE, "clients", `${client}.mjs`), generated, boxd: packaged },
      nodePaths: [join(HERE, "node_modules")],
      logLevel: "warning",
    });
    // esbuild leaves `new URL("./boxd.wasm", import.meta.url)` as it is.
    if (client === "boxd") copyFileSync(join(packaged, "dist/boxd.wasm"), join(folder, "boxd.wasm"));
    writeFileSync(join(folder, "index.html"), '<!doctype html><meta charset="utf-8"><script type="module" src="page.js"></script>\n');
    sizes[client] = weigh(folder);
  }
  return { pages, sizes };
}

function generate(folder, protoc) {
  const proto = join(folder, "api.proto");
  const [es, google] = ["es", "google"].map((name) => join(folder, name));
  for (const one of [es, google]) mkdirSync(one, { recursive: true });
  writeFileSync(proto, execFileSync(process.execPath, [join(HERE, "trim.mjs"), PROTO, ...CALLS]));
  execFileSync(protoc, [
    `--proto_path=${folder}`,
    `--plugin=${join(HERE, "node_modules/.bin/protoc-gen-es")}`,
    `--es_out=${es}`,
    "--es_opt=target=js",
    `--js_out=import_style=commonjs,binary:${google}`,
    basename(proto),
  ]);
}

function weigh(folder) {
  const files = readdirSync(folder).filter((name) => !name.endsWith(".html"));
  const contents = files.map((name) => readFileSync(join(folder, name)));
  const sum = (lengths) => lengths.reduce((a, b) => a + b, 0);
  return {
    raw: sum(contents.map((content) => content.length)),
    gzip: sum(contents.map((content) => gzipSync(content, { level: 9 }).length)),
  };
}
