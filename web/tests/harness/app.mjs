// A user's folder: the packed package installed in it, as from a registry, and what a test puts beside it.

import { execFile } from "node:child_process";
import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import * as paths from "./paths.mjs";

const execute = promisify(execFile);

/** Runs a program to its end, and answers `{ stdout, stderr }`. One that hangs is ended. */
export const run = (program, flags, options) =>
  execute(program, flags, { timeout: 5 * 60_000, killSignal: "SIGKILL", maxBuffer: 64 * 2 ** 20, ...options });

/**
 * Makes `target/web-tests/NAME` anew: the package installed, and `packages` that need no other; the walk and `fixtures/…`
 * copied into it. Answers its path.
 */
export async function installApp(name, fixtures = [], packages = []) {
  const app = paths.scratch(name);
  await rm(app, { recursive: true, force: true });
  await mkdir(app, { recursive: true });
  const manifest = { private: true, type: "module" };
  await writeFile(join(app, "package.json"), JSON.stringify(manifest));
  await run("npm", ["install", "--offline", "--no-audit", "--no-fund", "--ignore-scripts", paths.tarball()], { cwd: app });
  for (const one of packages) await cp(join(paths.TESTS, "node_modules", one), join(app, "node_modules", one), { recursive: true });
  await cp(join(paths.TESTS, "walk"), join(app, "walk"), { recursive: true });
  for (const fixture of fixtures) await cp(join(paths.TESTS, "fixtures", fixture), join(app, fixture), { recursive: true });
  return app;
}
