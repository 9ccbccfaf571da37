import type { ByteStream as Core } from "../pkg/core.js";
import { release, settle } from "./load.js";

/** What has come by now: a chunk, the offset and length of each piece in it, the next chunk, and so on. */
type Batch = (Uint8Array<ArrayBuffer> | Uint32Array)[];

type Result = IteratorResult<Uint8Array<ArrayBuffer>, undefined>;

const END: Result = { done: true, value: undefined };

/**
 * Bytes as they come: a log, a file, the output of a command. Read it once, with `for await` or by one of its methods.
 *
 * Leaving a loop early ends the call at the server. A stream that is read slowly makes the server wait.
 *
 * The pieces are views of what the network delivered. Use `slice()` on one that is to be kept for long or given away with
 * its buffer.
 */
export class ByteStream implements AsyncIterableIterator<Uint8Array<ArrayBuffer>, undefined> {
  readonly #open: () => Promise<Core> | Core;
  readonly #onClose: ((early: boolean) => void) | undefined;
  /** The core's stream, or what will give it. */
  #opened: Promise<Core> | Core | undefined;
  #core: Core | undefined;
  #ended = false;
  #batch: Batch = [];
  /** Which chunk of the batch is next, and where in its ranges. */
  #chunk = 0;
  #range = 0;
  /** Readers that wait for their turn. */
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(open: () => Promise<Core> | Core, onClose?: (early: boolean) => void) {
    this.#open = open;
    this.#onClose = onClose;
  }

  /** @internal */
  static of(open: () => Promise<Core> | Core, onClose?: (early: boolean) => void): ByteStream {
    return new this(open, onClose);
  }

  /** This stream itself: it can be read once. */
  [Symbol.asyncIterator](): this {
    this.#begin();
    return this;
  }

  /** The next piece. Calls may overlap; they are answered in turn. */
  next(): Promise<Result> {
    this.#begin();
    const piece = this.#waiting === 0 ? this.#take() : undefined;
    return piece ? Promise.resolve(piece) : this.#wait();
  }

  /** Ends the stream, and with it the call at the server. Harmless when it has ended. */
  return(): Promise<Result> {
    this.#close(true);
    return Promise.resolve(END);
  }

  /** All of it as text; what is not UTF-8 shows as `�`. */
  async text(): Promise<string> {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    let text = "";
    for await (const piece of this) text += decoder.decode(piece, { stream: true });
    return text + decoder.decode();
  }

  /** All of it. */
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    let length = 0;
    for await (const piece of this) {
      pieces.push(piece);
      length += piece.length;
    }
    const whole = new Uint8Array(length);
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }

  /** All of it, where the host keeps large things. */
  async blob(): Promise<Blob> {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    for await (const piece of this) pieces.push(piece);
    return new Blob(pieces);
  }

  /** Line by line as they come, as text, without the line breaks. Leaving the loop early ends the stream. */
  lines(): AsyncGenerator<string, undefined> {
    this.#begin();
    return this.#lines();
  }

  async *#lines(): AsyncGenerator<string, undefined> {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    let rest = "";
    for await (const piece of this) {
      const lines = (rest + decoder.decode(piece, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) yield line.endsWith("\r") ? line.slice(0, -1) : line;
    }
    rest += decoder.decode();
    if (rest) yield rest;
  }

  /** The rest of it as a `ReadableStream`. Cancelling that one ends the call at the server. */
  toReadableStream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    this.#begin();
    return new ReadableStream(
      {
        pull: async (controller) => {
          const { done, value } = await this.next();
          if (done) controller.close();
          else controller.enqueue(value);
        },
        cancel: () => this.#close(true),
      },
      { highWaterMark: 0 },
    );
  }

  /** Ends the stream, as {@link ByteStream.return}: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#close(true);
  }

  /** The next piece of the batch at hand. */
  #take(): Result | undefined {
    const ranges = this.#batch[this.#chunk + 1];
    if (!ranges) return undefined;
    const chunk = this.#batch[this.#chunk] as Uint8Array<ArrayBuffer>;
    const at = this.#range;
    const offset = ranges[at] as number;
    const value = chunk.subarray(offset, offset + (ranges[at + 1] as number));
    this.#range = at + 2;
    if (this.#range === ranges.length) {
      this.#chunk += 2;
      this.#range = 0;
    }
    return { done: false, value };
  }

  #wait(): Promise<Result> {
    this.#waiting++;
    const turn = this.#last.then(() => this.#fetch()).finally(() => this.#waiting--);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #fetch(): Promise<Result> {
    const piece = this.#take();
    if (piece || this.#ended) return piece ?? END;
    try {
      const core = (this.#core ??= await (this.#opened as Promise<Core> | Core));
      const batch = this.#ended ? undefined : ((await settle(() => core.next())) as Batch | undefined);
      if (batch && !this.#ended) {
        this.#batch = batch;
        this.#chunk = this.#range = 0;
        return this.#take() ?? END;
      }
    } catch (error) {
      this.#close(false);
      throw error;
    }
    this.#close(false);
    return END;
  }

  /** From here on somebody reads it. */
  #begin(): void {
    if (this.#ended || this.#opened) return;
    const opened = (this.#opened = this.#open());
    // Whoever reads is told why it failed.
    if (opened instanceof Promise) opened.catch(() => undefined);
  }

  #close(early: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#batch = [];
    this.#chunk = 0;
    const opened = this.#opened;
    if (opened instanceof Promise) {
      opened.then(release, () => undefined);
    } else if (opened) {
      release(opened);
    }
    this.#onClose?.(early);
  }
}
