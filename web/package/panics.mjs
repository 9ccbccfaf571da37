// What is left out of the .wasm: how a panic words itself, and with it all of `std::fmt`. One ends as a trap (`unreachable`) at once, which load.ts turns
// into an error that says that boxd has failed inside. The texts, their formatting and the places in sources that they name
// would be a twentieth of what a page loads.
import { writeFileSync, readFileSync } from "node:fs";
import binaryen from "binaryen";

const { BulkMemory, BulkMemoryOpt, Multivalue, MutableGlobals, NontrappingFPToInt, ReferenceTypes, SignExt } = binaryen.Features;
const FEATURES = BulkMemory | BulkMemoryOpt | Multivalue | MutableGlobals | NontrappingFPToInt | ReferenceTypes | SignExt;

/** Writes what `input` holds to `output`, without that. */
export function withoutPanics(input, output) {
  const module = binaryen.readBinary(readFileSync(input));
  module.setFeatures(FEATURES);
  const trap = (functions) => {
    for (const { pointer } of functions) binaryen.Function(pointer).body = module.unreachable();
    module.runPasses(["remove-unused-module-elements"]);
  };
  trap(functionsOf(module).filter(({ body }) => neverReturns(body)));
  trap(formatting(functionsOf(module)));
  const binary = module.emitBinary();
  module.dispose();
  blankLocations(binary);
  writeFileSync(output, binary);
}

/** Whether a function with this body is one of Rust's `-> !`: in this program those that panic, and nothing else. */
function neverReturns(body) {
  if (binaryen.getExpressionType(body) !== binaryen.unreachable) return false;
  return !/\((return|rethrow|throw)/.test(binaryen.emitText(body));
}

function functionsOf(module) {
  const pointers = Array.from({ length: module.getNumFunctions() }, (_, index) => module.getFunctionByIndex(index));
  const all = pointers.map((pointer) => ({ pointer, ...binaryen.getFunctionInfo(pointer) }));
  return all.filter((one) => one.module === "");
}

/** `std::fmt`, which nobody calls once no panic is put in words: it is only pointed to, by tables of what was to be shown. */
function formatting(functions) {
  const isOfIt = ({ name }) => /\bcore(\[\w+\])?::fmt::|\bfmt::Write\b|::PanicPayload>::/.test(name);
  const all = functions.filter(isOfIt);
  if (all.length === 0) throw new Error("the .wasm does not name its functions");
  const names = new Set(all.flatMap(({ name }) => [`$${name}`, `$"${name}"`]));
  for (const { name, body } of functions.filter((one) => !isOfIt(one))) {
    const calls = binaryen.emitText(body).matchAll(/\(call (\$"[^"]+"|\$[^\s)]+)/g);
    const used = [...calls].find(([, callee]) => names.has(callee));
    if (used) throw new Error(`${name} calls ${used[1]}: std::fmt is 3 kB of a page, and [..].concat() does without`);
  }
  return all;
}

/** Fills with zeros what nobody reads any more: every `core::panic::Location`, and the names of files that they point to. */
function blankLocations(binary) {
  const segments = dataSegments(binary);
  const at = (address, length) => {
    const inside = ({ offset, data }) => address >= offset && address + length <= offset + data.length;
    const segment = segments.find(inside);
    return segment?.data.subarray(address - segment.offset, address - segment.offset + length);
  };
  const files = [];
  for (const { offset, data } of segments) {
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    // A pointer and a length, a line and a column.
    for (let place = -offset & 3; place + 16 <= data.length; place += 4) {
      const [address, length, line, column] = [0, 4, 8, 12].map((field) => view.getUint32(place + field, true));
      if (length < 4 || length > 300 || line < 1 || line > 99_999 || column < 1 || column > 999) continue;
      const file = at(address, length);
      if (!file || !/^[ -~]+\.rs\0?$/.test(Buffer.from(file).toString("latin1"))) continue;
      files.push(file);
      data.fill(0, place, place + 16);
    }
  }
  if (files.length === 0) throw new Error("no panic's place was found: has Rust another form for them now?");
  for (const file of files) file.fill(0);
}

/** The segments of the data section, which are where they are from the start. */
function dataSegments(binary) {
  let at = 8;
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = binary[at++];
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  const [DATA, I32_CONST] = [11, 0x41];
  const segments = [];
  while (at < binary.length) {
    const section = binary[at++];
    const end = number() + at;
    for (let left = section === DATA ? number() : 0; left > 0; left--) {
      if (number() !== 0 || binary[at++] !== I32_CONST) throw new Error("a data segment of a kind that is not known here");
      const offset = number();
      at++;
      const length = number();
      segments.push({ offset, data: binary.subarray(at, (at += length)) });
    }
    at = end;
  }
  return segments;
}
