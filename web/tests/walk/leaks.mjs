// Memory after many calls, in rounds: what is kept shows as a slope.

/** WebAssembly memories that were made since `watchMemory`. */
const memories = [];

/** To be called before the package loads: it does not export its memory. */
export function watchMemory() {
  for (const name of ["instantiate", "instantiateStreaming"]) {
    const original = WebAssembly[name];
    if (!original) continue;
    WebAssembly[name] = async (...given) => {
      const result = await original.apply(WebAssembly, given);
      // The build has given it a shorter name.
      const memory = Object.values((result.instance ?? result).exports).find((value) => value instanceof WebAssembly.Memory);
      if (memory) memories.push(memory);
      return result;
    };
  }
}

/**
 * Runs a round of `calls` calls, `width` of them at a time, `rounds` times over. Answers the bytes in use after each.
 *
 * `heap` collects garbage, then answers the JavaScript heap's size.
 */
export async function rounds({ rounds, calls, width, call, heap }) {
  const after = [];
  for (let round = 0; round < rounds; round++) {
    let left = calls;
    const worker = async () => {
      while (left-- > 0) await call();
    };
    await Promise.all(Array.from({ length: width }, worker));
    const wasm = memories.reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
    after.push({ wasm, heap: await heap() });
  }
  return after;
}

/** 20,000 unary calls. */
export const unary = (compute, heap) =>
  rounds({ rounds: 5, calls: 4000, width: 8, heap, call: () => compute.whoami() });

/** 1,000 streams that are left at their first piece: a log that goes on, a command that would write for ever. */
export function streams(box, heap) {
  let turn = 0;
  const call = async () => {
    const log = turn++ % 2 === 0;
    const pieces = log ? box.streamLogs({ follow: true }) : (await box.exec(["yes"], { stream: true })).stdout;
    for await (const piece of pieces) if (piece.length > 0) break;
  };
  return rounds({ rounds: 5, calls: 200, width: 4, heap, call });
}
