import { invalid } from "./check.js";
import { TimeoutError } from "./errors.js";
import type { WaitOptions } from "./types.js";

/** The longest that a timer takes. */
const LONGEST = 2 ** 31 - 1;

/**
 * Does `work` with options for the calls in it: they end, and so do its pauses, when time runs out or `signal` is aborted.
 * `late` says what has failed then.
 */
export async function within(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  work: (call: WaitOptions, pause: (milliseconds: number) => Promise<unknown>) => Promise<void>,
  late: () => string,
): Promise<void> {
  if (Number.isNaN(Number(timeoutMs))) throw invalid("timeoutMs", "is not a number");
  signal?.throwIfAborted();
  const ending = new AbortController();
  const abort = (): void => ending.abort(signal?.reason);
  let pausing: ReturnType<typeof setTimeout> | undefined;
  const timer = setTimeout(() => {
    ending.abort(new TimeoutError(late(), { code: "DEADLINE_EXCEEDED", grpcCode: 4 }));
  }, Math.min(timeoutMs, LONGEST));
  try {
    signal?.addEventListener("abort", abort);
    await new Promise<void>((resolve, reject) => {
      ending.signal.onabort = () => reject(ending.signal.reason as Error);
      const pause = (milliseconds: number): Promise<unknown> => {
        ending.signal.throwIfAborted();
        return new Promise((go) => (pausing = setTimeout(go, milliseconds)));
      };
      work({ timeoutMs, signal: ending.signal }, pause).then(resolve, reject);
    });
  } finally {
    clearTimeout(timer);
    clearTimeout(pausing);
    signal?.removeEventListener("abort", abort);
  }
}
