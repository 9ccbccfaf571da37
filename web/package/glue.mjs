// wasm-bindgen's side of the .wasm, as a page gets it: with the short names, and without what no runtime of ours needs.

// load.ts loads the .wasm by itself, in a third of what wasm-bindgen would have for it.
const OWN_START = "export { __wbg_get_imports, __wbg_finalize_init };\n";

/** The types of what load.ts takes of it. */
export const OWN_TYPES = `
export function __wbg_get_imports(): WebAssembly.Imports;
export function __wbg_finalize_init(instance: Pick<WebAssembly.Instance, "exports">): void;
`;

const SHORTER = [
  // workerd has none under a compatibility date before May 2025.
  [/\(typeof FinalizationRegistry === 'undefined'\)\s*\? \{.*?\}\s*: new FinalizationRegistry/g, "new Registry"],
  [/if \(!\('encodeInto' in cachedTextEncoder\)\) \{[^]*?\n\}\n/, ""],
  // There are two ways to hand a string over: the one that is quick.
  [/ {4}if \(realloc === undefined\) \{[^]*?return ptr;\n {4}\}\n/, ""],
  // None of them is called upon anything.
  [/: function\(\) \{ return handleError\(function \((.*?)\) \{/g, ": (...given) => { return handleError(($1) => {"],
  [/\}, arguments\); \},/g, "}, given); },"],
  [/(?<=^ {8}\w+): function\((.*?)\) \{/gm, ": ($1) => {"],
  // Nothing throws from within: panics are traps (panics.mjs).
  [/^ {8}__wbg___wbindgen_throw_\w+: [^]*?\n {8}\},\n/m, ""],
  // What is exported is given back by `free` alone.
  [/^if \(Symbol\.dispose\) .*\n/gm, ""],
];

const REGISTRY = "const Registry = globalThis.FinalizationRegistry ?? class { register() {} unregister() {} };\n";

/** The same in less. */
function shorter(glue) {
  return SHORTER.reduce((text, [long, short]) => {
    const shortened = text.replace(long, short);
    if (shortened === text) throw new Error(`wasm-bindgen's glue does not hold ${long}`);
    return shortened;
  }, glue);
}

/** The glue with the new names. */
export function renamed(glue, { imports, exports }) {
  // What needs no adapter is imported from its module itself.
  const modules = new Map([...glue.matchAll(/import \* as (\w+) from "(.+?)"/g)].map(([, name, path]) => [path, name]));
  const plain = imports.filter(([module]) => modules.has(module));
  const used = new Map(imports.filter((one) => !plain.includes(one)).map(([, from, to]) => [`${from}:`, `${to}:`]));
  for (const [from, to] of exports) used.set(`wasm.${from}`, `wasm.${to}`);
  const left = new Set(used.keys());
  const text = shorter(glue).replace(/\b(?:wasm\.)?\w+\b:?/g, (word) => {
    const plain = used.has(word) ? word : word.replace(/:$/, "");
    left.delete(plain);
    return used.has(plain) ? used.get(plain) + word.slice(plain.length) : word;
  });
  // Not all exports are called by name from there; an import that is not found would be missing.
  const missing = [...left].filter((name) => name.endsWith(":"));
  if (missing.length > 0) throw new Error(`wasm-bindgen's glue does not hold ${missing.join(" ")}`);
  // The one module that they are all imported from.
  const first = "const import0 = {";
  const theirs = plain.map(([module, from, to]) => `${to}: ${modules.get(module)}.${from},`);
  const one = text.replace(/^ *"\.\/snippets\/.*": import\d+,\n/gm, "").replaceAll('"./core_bg.js"', '"a"');
  return REGISTRY + one.replace(first, `${first} ${theirs.join(" ")}`) + OWN_START;
}
