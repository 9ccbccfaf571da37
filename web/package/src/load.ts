// Loads the core on first use, once, and stands between it and the rest: nothing else calls it unguarded.
import start, { install } from "../pkg/core.js";
import { BoxdError, InternalError, toError } from "./errors.js";
import type { InitInput } from "./types.js";

let locate: (() => InitInput) | undefined;
let loading: Promise<void> | undefined;
let failed: InternalError | undefined;

/** The rejections of what is under way, for the case that the core fails and will never settle it. */
const pending = new Set<(error: InternalError) => void>();

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
    await start({ module_or_path: await from });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new BoxdError(
      `the WebAssembly part of boxd cannot be loaded: ${why} ` +
        "(where a bundler does not copy it, import from \"boxd/inline\"; a Content-Security-Policy needs 'wasm-unsafe-eval')",
      { code: "UNAVAILABLE", cause },
    );
  }
  install(fail);
}

/** After a panic nothing in the core can be relied on: what is under way is rejected, and so is all that follows. */
function fail(why: unknown): void {
  const text = why instanceof Error ? why.message : String(why);
  failed ??= new InternalError(`the core of boxd has failed and cannot go on in this page or process: ${text}`, {
    code: "INTERNAL",
    outcomeUnknown: true,
  });
  for (const reject of pending) reject(failed);
  pending.clear();
}

/**
 * Calls the core and waits for its promise, with its failures turned into errors.
 * @internal
 */
export async function settle<T>(call: () => Promise<T>): Promise<T> {
  if (failed) throw failed;
  let over: ((error: InternalError) => void) | undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      pending.add((over = reject));
      call().then(resolve, reject);
    });
  } catch (thrown) {
    // Here, and not in a callback, so that the error's stack shows who called.
    throw known(thrown);
  } finally {
    if (over) pending.delete(over);
  }
}

/**
 * Calls the core, with its failures turned into errors.
 * @internal
 */
export function enter<T>(call: () => T): T {
  if (failed) throw failed;
  try {
    return call();
  } catch (thrown) {
    throw known(thrown);
  }
}

/**
 * Gives an object of the core back.
 * @internal
 */
export function release(object: { free(): void }): void {
  if (failed) return;
  try {
    object.free();
  } catch (thrown) {
    known(thrown);
  }
}

function known(thrown: unknown): unknown {
  if (!(thrown instanceof WebAssembly.RuntimeError)) return toError(thrown);
  fail(thrown);
  return failed;
}
