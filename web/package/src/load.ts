// Loads the core on first use, once, and stands between it and the rest: nothing else calls it unguarded.
import { __wbg_finalize_init as begin, __wbg_get_imports as imports } from "../pkg/core.js";
import { BoxdError, InternalError, toError } from "./errors.js";
import type { InitInput } from "./types.js";

let locate: (() => InitInput) | undefined;
let loading: Promise<void> | undefined;
let failed: InternalError | undefined;

/** A promise of the core's, which comes with what rejects it. */
type Pending<T> = Promise<T> & { reject?(error: InternalError): void };

/** What is under way, for the case that the core fails and will never settle it. */
const pending = new Set<Pending<unknown>>();

/**
 * Says where the core is. Called by the entry points.
 * @internal
 */
export function setLocation(where: () => InitInput): void {
  locate = where;
}

/**
 * Loads the WebAssembly part. Every call does so by itself when it is needed; call this to load it earlier, or from
 * somewhere else: a URL, a `Response`, bytes, or a compiled module. Loads once; after a failure it may be tried again.
 *
 * @throws {@link BoxdError} when it cannot be loaded.
 */
export function init(input?: InitInput | Promise<InitInput>): Promise<void> {
  loading ??= load(input).catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function load(input: InitInput | Promise<InitInput> | undefined): Promise<void> {
  const from = input ?? locate?.();
  if (from === undefined) {
    throw new BoxdError('"boxd/slim" comes without its WebAssembly: call `await init(wasm)` first, with its URL, bytes or module', {
      code: "FAILED_PRECONDITION",
    });
  }
  try {
    const { exports } = await instantiate(await from);
    begin({ exports: guarded(exports) });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new BoxdError(
      `the WebAssembly part of boxd cannot be loaded: ${why} ` +
        "(where a bundler does not copy it, import from \"boxd/inline\"; a Content-Security-Policy needs 'wasm-unsafe-eval')",
      { code: "UNAVAILABLE", cause },
    );
  }
}

async function instantiate(from: InitInput): Promise<WebAssembly.Instance> {
  let source = from;
  if (typeof source === "string" || source instanceof URL || source instanceof Request) source = await fetch(source);
  if (source instanceof Response) {
    if (!source.ok) throw new Error(`HTTP ${source.status} at ${source.url}`);
    // Under another type it is compiled once all of it has come.
    if (source.headers.get("content-type") === "application/wasm" && "instantiateStreaming" in WebAssembly) {
      return (await WebAssembly.instantiateStreaming(source, imports())).instance;
    }
    source = await source.arrayBuffer();
  }
  const made: unknown = await WebAssembly.instantiate(source, imports());
  return made instanceof WebAssembly.Instance ? made : (made as WebAssembly.WebAssemblyInstantiatedSource).instance;
}

/** The core's exports, through which everything goes that enters it, timers and promises that it waits for as well. */
function guarded(exports: WebAssembly.Exports): WebAssembly.Exports {
  const all: WebAssembly.Exports = {};
  for (const [name, value] of Object.entries(exports)) {
    all[name] = typeof value === "function" ? guard(value) : value;
  }
  return all;
}

/** Whatever is thrown in there is a failure: what the core has to say it answers. */
function guard(enter: CallableFunction): CallableFunction {
  return (...given: unknown[]) => {
    // Nothing, and it may be asked for its parts: a callback of the host's comes here as well, and has nobody to tell.
    if (failed) return [];
    try {
      return enter(...given);
    } catch (cause) {
      failed = new InternalError(
        `boxd has failed inside and cannot go on in this page or process (${cause}); ` +
          "please report it at https://github.com/boxd-sh/boxd-rust/issues, with this error's cause and its stack",
        { code: "INTERNAL", outcomeUnknown: true, cause },
      );
      for (const promise of pending) promise.reject?.(failed);
      return [];
    }
  };
}

/**
 * Calls the core and waits for its promise, with its failures turned into errors. What it answers is given to `read`.
 * @internal
 */
export async function settle<T, Answer extends T>(call: () => Promise<Answer>, read?: (answer: Answer) => T): Promise<T> {
  const promise: Pending<Answer> = enter(call);
  pending.add(promise);
  try {
    const answer = await promise;
    return read ? read(answer) : answer;
  } catch (thrown) {
    // Here, and not in a callback, so that the error's stack shows who called.
    throw known(thrown);
  } finally {
    pending.delete(promise);
  }
}

/**
 * Calls the core, with its failures turned into errors.
 * @internal
 */
export function enter<T>(call: () => T): T {
  if (failed) throw failed;
  let answer: T;
  try {
    answer = call();
  } catch (thrown) {
    throw known(thrown);
  }
  if (failed) throw failed as InternalError;
  return answer;
}

/**
 * Gives an object of the core back, once the core is not in the midst of something: whoever wants it gone may be a callback.
 * @internal
 */
export function release(object: { free(): void }): void {
  queueMicrotask(() => object.free());
}

/** What was thrown; when the core has failed, that. */
function known(thrown: unknown): unknown {
  return failed ?? toError(thrown);
}
