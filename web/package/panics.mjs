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
  blank(binary);
  writeFileSync(output, binary);
}

/**
 * What only panics say, in std and in the libraries here. None of it stands in a sentence that is shown to anybody; one that
 * is not found has been reworded, and weighs a few bytes until it is found again.
 */
const SAID = [
  /attempted to take ownership of Rust value while it was borrowed/,
  /recursive use of an object detected which would lead to unsafe aliasing in rust/,
  /(?:advance|index|split_to|range end|subset is) out of bounds: (?:the len is |self = \()?/,
  / but (?:advancing by|ends at|the index is) |(?:slice index starts at|range (?:start|end) index) /,
  / out of range for slice of length |range start must not be greater than end: |cannot advance past `remaining`: /,
  /subset pointer \(|\) is smaller than self pointer \(|\), subset = \(/,
  /copy_from_slice: source slice length \(|\) does not match destination slice length \(/,
  /insertion index \(is |\) should be <= len \(is |Tried to shrink to a larger capacity/,
  /assertion (?:`left | ?failed: [\w()*.]+(?: [<>]= [\w +]+)?)| right` failed(?::|\n  left:) /,
  /called `\w+::unwrap(?:_throw)?\(\)` on an? `\w+` value/,
  /(?:Dropped|Polling|Dereferenced) SendWrapper<T> variable from a thread different to the one it has been created with\./,
  /use of std::thread::current\(\) is not possible after the thread's local data has been destroyed/,
  /failed to generate unique thread ID: bitspace exhausted|cannot recursively acquire mutex/,
  /rwlock (?:has not been locked for \w+|overflowed read locks)|RefCell already (?:mutably )?borrowed/,
  /LazyCell instance has previously been poisoned|internal error: entered unreachable code/,
  /closure invoked recursively or after being dropped|null pointer passed to rust|FnOnce called more than once/,
  /`async fn` resumed after completion|`Ready` polled after completion|cannot poll Select twice/,
  /Map must not be polled after it returned `Poll::Ready`|Shared future polled again after completion/,
  /inner future panicked during poll|finish: (?:callbacks|result) should be \w+|capacity overflow/,
  /overflow in Duration::new|overflow when adding durations|Arc counter overflow/,
  /buffer space exhausted; sending this messages would overflow the state/,
  /attempt to join into collection with len > usize::MAX/,
];

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

/**
 * Fills with zeros what nobody reads any more: every `core::panic::Location`, the names of files that they point to, and what
 * panics say.
 */
function blank(binary) {
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
  for (const { data } of segments) {
    const text = Buffer.from(data).toString("latin1");
    for (const said of SAID) {
      for (const { index, 0: words } of text.matchAll(new RegExp(said, "g"))) data.fill(0, index, index + words.length);
    }
  }
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
