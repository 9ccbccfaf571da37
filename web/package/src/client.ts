// What all objects of one `Compute` share: the core's own `Compute`, made when the first call needs it.
import { Compute as Core } from "../pkg/core.js";
import type { Box } from "./box.js";
import { withVariables } from "./environment.js";
import { BoxdError } from "./errors.js";
import { enter, init, release, settle } from "./load.js";
import { ByteStream } from "./stream.js";
import type { CallOptions, ComputeOptions } from "./types.js";

type Reviver = (key: string, value: unknown) => unknown;

/** @internal */
export class Client {
  /** Not the options themselves: consoles show private fields too, and a key may be in them. */
  readonly #make: () => Core;
  #core: Core | undefined;
  #coming: Promise<Core> | undefined;
  #closed = false;

  constructor(options: ComputeOptions) {
    const whole = withVariables(options);
    this.#make = () => new Core(whole);
  }

  /** The core's `Compute`. */
  async core(): Promise<Core> {
    if (this.#closed) throw new BoxdError("this Compute was closed", { code: "FAILED_PRECONDITION" });
    this.#coming ??= init().then(() => enter(this.#make));
    try {
      const core = await this.#coming;
      if (!this.#closed) this.#core = core;
      return core;
    } catch (error) {
      this.#coming = undefined;
      throw error;
    }
  }

  /** One call: web/src/compute.rs says what there is, and what it answers. */
  call<T>(operation: string, options: object, call?: CallOptions, read?: (answer: never) => T): Promise<T> {
    const begin = (core: Core) => settle(() => core.call(operation, options, call?.signal) as Promise<never>, read);
    return this.#core ? begin(this.#core) : this.core().then(begin);
  }

  /** One call whose answer is a record in JSON. */
  json<T>(operation: string, options: object, call?: CallOptions, revive?: Reviver): Promise<T> {
    return this.call<T>(operation, options, call, (answer) => JSON.parse(answer, revive) as T);
  }

  /** One call whose answer is a list of records. */
  async list<T>(operation: string, options: object, call?: CallOptions, revive?: Reviver): Promise<T[]> {
    return (await this.json<{ all: T[] }>(operation, options, call, revive)).all;
  }

  /** The box that was named in a call: by itself, its name or its id. */
  async locate(box: Box | string, call?: CallOptions): Promise<{ id: string; name: string }> {
    return typeof box === "string" ? this.json("get", { wanted: box }, call) : box;
  }

  /** A stream. Nothing is sent before it is read. */
  stream(operation: string, options: object, call?: CallOptions): ByteStream {
    return ByteStream.of(async () => {
      const core = await this.core();
      return enter(() => core.open(operation, options, call?.signal));
    });
  }

  /** Gives the core's memory back. What is under way goes on. */
  close(): void {
    this.#closed = true;
    // A call that waits for the core begins in the turn in which the core comes: it is given back after that turn.
    this.#coming?.then(
      (core) => setTimeout(release, 0, core),
      () => undefined,
    );
    this.#core = this.#coming = undefined;
  }
}
