// The packed package: what is in it, what tools and compilers say of it, what it weighs.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFile, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { build } from "esbuild";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import typescript from "typescript-5";
import { installApp, run } from "./harness/app.mjs";
import { ROOT, TESTS, tarball } from "./harness/paths.mjs";

describe("package", () => {
  let app, folder, manifest;

  before(async () => {
    app = await installApp("package", ["types"], ["@xterm/xterm"]);
    folder = join(app, "node_modules/boxd");
    manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  });

  test("it holds what is used and nothing else", async () => {
    const { stdout } = await run("tar", ["-tzf", tarball()]);
    const files = stdout.trim().split("\n").map((file) => file.replace(/^package\//, ""));
    for (const file of files) {
      assert.match(file, /^(package\.json|README\.md|LICENSE-(APACHE|MIT)|dist\/[\w.-]+\.(js|cjs|d\.ts|d\.cts|wasm))$/);
    }
    assert.deepEqual(files.filter((file) => file.endsWith(".wasm")), ["dist/boxd.wasm"]);
    const named = [manifest.main, manifest.module, manifest.types, ...strings(manifest.exports)];
    for (const file of new Set(named)) assert.ok(files.includes(file.replace(/^\.\//, "")), `${file} is named, and not there`);
  });

  test("its version is the crate's", async () => {
    const cargo = await readFile(join(ROOT, "Cargo.toml"), "utf8");
    assert.equal(manifest.version, cargo.match(/^\[workspace\.package\][^[]*?^version = "(.+)"$/m)[1]);
  });

  test("it depends on nothing and runs nothing when it is installed", () => {
    assert.equal(manifest.dependencies, undefined);
    const needed = Object.keys(manifest.peerDependencies).filter((name) => !manifest.peerDependenciesMeta[name].optional);
    assert.deepEqual(needed, []);
    for (const script of ["preinstall", "install", "postinstall", "prepare"]) {
      assert.equal(manifest.scripts?.[script], undefined, script);
    }
  });

  test("no file names the machine that built it", async () => {
    for (const file of await readdir(join(folder, "dist"))) {
      const text = await readFile(join(folder, "dist", file), "latin1");
      for (const trace of [ROOT, "/.cargo/", "/.rustup/", "/home/", "/root/"]) {
        assert.ok(!text.includes(trace), `${file} holds ${trace}`);
      }
    }
  });

  test("the .wasm was made small", async () => {
    const module = await WebAssembly.compile(await readFile(join(folder, "dist/boxd.wasm")));
    for (const section of ["name", "producers", ".debug_info"]) {
      assert.equal(WebAssembly.Module.customSections(module, section).length, 0, `it has a section "${section}"`);
    }
  });

  test("what a page loads is within its budget", async (t) => {
    const source = 'export * from "boxd"';
    const { outputFiles } = await build({
      stdin: { contents: source, resolveDir: app },
      bundle: true,
      minify: true,
      write: false,
      format: "esm",
      target: "es2022",
      conditions: ["browser", "production"],
    });
    // The program: what Node has of it compresses a little less.
    const weigh = (input) => execFileSync("gzip", ["-9c"], { input }).length;
    const wasm = weigh(await readFile(join(folder, "dist/boxd.wasm")));
    const js = weigh(outputFiles[0].contents);
    const { gzip } = JSON.parse(await readFile(join(TESTS, "budget.json"), "utf8"));
    t.diagnostic(`gzip -9: ${wasm} bytes of WebAssembly, ${js} of JavaScript, ${wasm + js} of ${gzip}`);
    assert.ok(wasm + js <= gzip, `${wasm} + ${js} = ${wasm + js} bytes, of ${gzip}`);
  });

  test("publint has nothing to say", async () => {
    const { messages, pkg } = await publint({ pkgDir: folder, strict: true, pack: false });
    assert.deepEqual(messages.map((message) => formatMessage(message, pkg)), []);
  });

  test("arethetypeswrong finds them right", async () => {
    // The .wasm has no types by design; ./slim is for bundlers, which all take modules.
    const flags = ["--exclude-entrypoints", "./boxd.wasm", "--ignore-rules", "cjs-resolves-to-esm", "--profile", "node16"];
    const program = join(TESTS, "node_modules/.bin/attw");
    await run(program, [tarball(), ...flags, "--format", "ascii", "--no-emoji"]).catch(({ stdout, stderr }) => {
      throw new Error(`${stdout}\n${stderr}`);
    });
  });

  test("no published type is any", async () => {
    const declarations = (await readdir(join(folder, "dist"))).filter((name) => /\.d\.c?ts$/.test(name));
    assert.ok(declarations.length > 0, "there are no declarations");
    for (const name of declarations) {
      const text = await readFile(join(folder, "dist", name), "utf8");
      const file = typescript.createSourceFile(name, text, typescript.ScriptTarget.Latest);
      const visit = (node) => {
        if (node.kind === typescript.SyntaxKind.AnyKeyword) {
          const { line } = file.getLineAndCharacterOfPosition(node.pos);
          assert.fail(`${name}:${line + 1}: ${text.split("\n")[line]}`);
        }
        typescript.forEachChild(node, visit);
      };
      visit(file);
    }
  });

  test("every published declaration is documented", async () => {
    const entries = [manifest.types, manifest.exports["./xterm"].default.types].map((file) => join(folder, file));
    const program = typescript.createProgram(entries, { skipLibCheck: true });
    const checker = program.getTypeChecker();
    const modules = entries.map((file) => checker.getSymbolAtLocation(program.getSourceFile(file)));
    const undocumented = [];
    for (const symbol of modules.flatMap((module) => checker.getExportsOfModule(module))) {
      const target = symbol.flags & typescript.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      const members = [...(target.members?.values() ?? []), ...(target.exports?.values() ?? [])];
      for (const one of [target, ...members]) {
        const hidden = ["__constructor", "__type", "prototype", "name"].includes(one.name) || one.name.startsWith("__#");
        const own = one.declarations?.some((declaration) => declaration.getSourceFile().fileName.startsWith(folder));
        if (own && !hidden && !isPlain(one) && one.getDocumentationComment(checker).length === 0) {
          undocumented.push(one === target ? target.name : `${target.name}.${one.name}`);
        }
      }
    }
    assert.deepEqual(undocumented, []);
  });

  /** A user's program through a compiler, with everything checked that can be. */
  const compile = async (compiler, module, moduleResolution, file) => {
    const name = `tsconfig.${compiler}.${moduleResolution}.json`;
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      noEmit: true,
      target: "ES2022",
      lib: ["ES2022", "ESNext.Disposable", "DOM", "DOM.Iterable", "DOM.AsyncIterable"],
      types: [],
      module,
      moduleResolution,
    };
    await writeFile(join(app, name), JSON.stringify({ compilerOptions, files: [file] }));
    const tsc = join(TESTS, "node_modules", compiler, "bin/tsc");
    await run(process.execPath, [tsc, "--project", name], { cwd: app }).catch(({ stdout, stderr }) => {
      throw new Error(stdout + stderr);
    });
  };

  // Both the compiler that most users have and the present one, in each way of finding modules that sees `exports`.
  for (const compiler of ["typescript-5", "typescript"]) {
    test(`${compiler} takes a user's module, as Node finds it`, () =>
      compile(compiler, "NodeNext", "NodeNext", "types/consumer.ts"));
    test(`${compiler} takes a user's module, as a bundler finds it`, () =>
      compile(compiler, "ESNext", "Bundler", "types/consumer.ts"));
    test(`${compiler} takes a user's CommonJS program`, async () => {
      await copyFile(join(app, "types/consumer.ts"), join(app, "types/consumer.cts"));
      await compile(compiler, "NodeNext", "NodeNext", "types/consumer.cts");
    });
  }
});

/** Every string in a nest of objects. */
function strings(value) {
  return typeof value === "string" ? [value] : Object.values(value).flatMap(strings);
}

/** What a declaration's own name says all of: parameters of a type, private names. */
function isPlain({ flags, declarations }) {
  if (flags & typescript.SymbolFlags.TypeParameter) return true;
  return declarations.every((declaration) => declaration.name && typescript.isPrivateIdentifier(declaration.name));
}
