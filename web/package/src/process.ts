import type { Process as Core } from "../pkg/core.js";
import { BoxdError } from "./errors.js";
import { enter, release, settle } from "./load.js";
import { ByteStream } from "./stream.js";

/**
 * A command that runs in a box.
 *
 * Its outputs are pulled: a command whose output nobody reads comes to wait. {@link ExecProcess.wait} discards the outputs
 * that nobody has begun to read by then.
 *
 * @example
 * ```ts
 * await using process = await box.exec(["tail", "-f", "/var/log/syslog"], { stream: true });
 * for await (const line of process.stdout.lines()) console.log(line);
 * ```
 */
export class ExecProcess {
  /**
   * The command's standard output; with a terminal its errors too. Leaving a loop over it early ends the command, unless
   * its other output is being read or its end is awaited: then the rest is discarded, and the command goes on.
   */
  readonly stdout: ByteStream;
  /** The command's standard error, as {@link ExecProcess.stdout}. */
  readonly stderr: ByteStream;
  /** The command's standard input, where it was left open: with `keepStdinOpen` or `interactive`. */
  readonly stdin: ExecStdin | undefined;
  #core: Core | undefined;
  /** Who keeps the command going: outputs that are being read, waits. */
  #users = 0;

  private constructor(core: Core) {
    this.#core = core;
    this.stdout = this.#output(false);
    this.stderr = this.#output(true);
    this.stdin = core.hasStdin ? ExecStdin.of(core) : undefined;
  }

  /** @internal */
  static of(core: Core): ExecProcess {
    return new this(core);
  }

  /**
   * Waits for the command's end and gives its exit code: 0 to 255, or 128 and the signal's number. May be called again.
   *
   * @throws {@link BoxdError} when the call broke before the command's exit status came, with `CANCELLED` after a
   * {@link ExecProcess.kill}.
   */
  async wait(): Promise<number> {
    const core = this.#core;
    if (!core) throw new BoxdError("this process was disposed of", { code: "CANCELLED" });
    this.#users++;
    try {
      return (await settle(() => core.wait())) as number;
    } finally {
      this.#users--;
    }
  }

  /**
   * Ends the command: the call is cancelled, and the server ends the whole process group, with SIGTERM and after a short
   * grace with SIGKILL. Outputs and {@link ExecProcess.wait} end with `CANCELLED`.
   */
  kill(): void {
    const core = this.#core;
    if (core) enter(() => core.kill());
  }

  /** Tells the command's terminal that the window has changed. */
  resize(cols: number, rows: number): void {
    const core = this.#core;
    if (core) enter(() => core.resize(cols, rows));
  }

  /** Ends the command if it still runs, and gives back what it holds: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    const core = this.#core;
    if (!core) return;
    this.#core = undefined;
    await Promise.all([this.stdout.return(), this.stderr.return()]);
    release(core);
  }

  #output(stderr: boolean): ByteStream {
    const open = () => {
      this.#users++;
      opened = true;
      return enter(() => (this.#core as Core).output(stderr));
    };
    let opened = false;
    const onClose = (early: boolean): void => {
      if (!opened) return;
      this.#users--;
      if (early && this.#users === 0) this.kill();
    };
    return ByteStream.of(open, onClose);
  }
}

/** A command whose standard input is open. */
export interface OpenProcess extends ExecProcess {
  /** The command's standard input. */
  readonly stdin: ExecStdin;
}

/** As much of the input as crosses into the core at once: its memory never shrinks. */
const PIECE = 256 * 1024;

/** The standard input of a running command. */
export class ExecStdin {
  readonly #core: Core;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(core: Core) {
    this.#core = core;
  }

  /** @internal */
  static of(core: Core): ExecStdin {
    return new this(core);
  }

  /**
   * Sends input, waiting while the command is slow to read it. Calls may overlap; they go out in turn. Settles when there
   * is room for more.
   *
   * @throws {@link BoxdError} when the command has ended or its call has failed; {@link ExecProcess.wait} says how.
   */
  write(input: string | Uint8Array): Promise<void> {
    const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
    const turn = this.#last.then(async () => {
      for (let at = 0; at < bytes.length; at += PIECE) {
        await settle(() => this.#core.write(bytes.subarray(at, at + PIECE)));
      }
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Gives the command an end-of-file, after what was written. */
  async close(): Promise<void> {
    await this.#last;
    enter(() => this.#core.closeStdin());
  }

  /** As a `WritableStream`, to be piped into. */
  toWritableStream(): WritableStream<string | Uint8Array> {
    return new WritableStream({ write: (input) => this.write(input), close: () => this.close() });
  }
}
