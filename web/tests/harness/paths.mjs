// What the tests run against. `cargo xtask test` names all of it; by hand, what was built last is found.

import { existsSync, readdirSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const TESTS = fileURLToPath(new URL("..", import.meta.url));
export const ROOT = resolve(TESTS, "../..");
const TARGET = resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target");

/** The program `boxd-local`. */
export const cluster = () =>
  found("BOXD_LOCAL", [join(TARGET, "debug/boxd-local")], "cargo build --package boxd-local");

/** The packed npm package. */
export const tarball = () => {
  const folder = join(ROOT, "target/npm");
  const packed = existsSync(folder) ? readdirSync(folder).filter((name) => /^boxd-.*\.tgz$/.test(name)) : [];
  return found("BOXD_PACKAGE", packed.map((name) => join(folder, name)), "cargo xtask npm");
};

/** Chromium, or Chrome where a machine has that. */
export const chromium = () => {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const names = ["chromium", "google-chrome", "google-chrome-stable"];
  const programs = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return found("CHROMIUM", programs, "cargo xtask setup chromium");
};

/** A program of the runtimes that come as npm packages. */
export const runtime = (path) => found("", [join(TESTS, "node_modules", path)], "npm ci");

/** Where the tests put what they build. */
export const scratch = (name) => join(ROOT, "target/web-tests", name);

function found(variable, candidates, remedy) {
  const named = process.env[variable];
  const path = named ? resolve(ROOT, named) : candidates.find((one) => existsSync(one));
  if (path && existsSync(path)) return path;
  throw new Error(`${named ?? candidates[0] ?? "the package"} is not there: \`${remedy}\` makes it`);
}
