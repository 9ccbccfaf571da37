import type { OutputCut } from "./types.js";

/** @internal */
export interface Output {
  stdout: Uint8Array<ArrayBuffer>;
  stderr: Uint8Array<ArrayBuffer>;
  stdoutCut?: OutputCut | undefined;
  stderrCut?: OutputCut | undefined;
}

/** What a command wrote. */
export class ExecOutput {
  /** Standard output as text; what is not UTF-8 shows as `�`. */
  readonly stdout: string;
  /** Standard error as text; what is not UTF-8 shows as `�`. Empty with a terminal, which merges both. */
  readonly stderr: string;
  /** What of standard output was over the limit and is missing. */
  declare readonly stdoutCut?: OutputCut;
  /** What of standard error was over the limit and is missing. */
  declare readonly stderrCut?: OutputCut;
  readonly #bytes: Output;

  /** @internal */
  constructor(output: Output) {
    const { stdout, stderr, stdoutCut, stderrCut } = output;
    this.#bytes = output;
    this.stdout = text(stdout);
    this.stderr = text(stderr);
    if (stdoutCut) this.stdoutCut = stdoutCut;
    if (stderrCut) this.stderrCut = stderrCut;
  }

  /** Standard output, byte for byte. */
  get stdoutBytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.stdout;
  }

  /** Standard error, byte for byte. */
  get stderrBytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.stderr;
  }
}

/**
 * How a command ended and what it wrote. A command that fails is a result, not an error: look at
 * {@link ExecResult.success}.
 */
export class ExecResult extends ExecOutput {
  /** The exit code, 0 to 255; 128 and the signal's number for a command that a signal ended. */
  readonly exitCode: number;
  /** Whether the exit code is 0. */
  readonly success: boolean;

  /** @internal */
  constructor(result: Output & { exitCode: number }) {
    super(result);
    this.exitCode = result.exitCode;
    this.success = result.exitCode === 0;
  }
}

/** A byte order mark is output like any other. */
function text(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}
