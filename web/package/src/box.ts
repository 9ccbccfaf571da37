import type { Client } from "./client.js";
import { toBody, toBytes } from "./content.js";
import { ExecProcess } from "./process.js";
import { ExecResult } from "./result.js";
import type { ByteStream } from "./stream.js";
import type {
  BoxInfo,
  BoxStatus,
  CallOptions,
  Content,
  ExecOptions,
  InteractiveOptions,
  LogOptions,
  Progress,
  ReadFileOptions,
  RestartPolicy,
  ResumeResult,
  StreamOptions,
  SuspendResult,
  WaitOptions,
  WriteFileOptions,
} from "./types.js";

type Verb = "start" | "stop" | "reboot" | "suspend" | "resume" | "destroy";

/**
 * A box.
 *
 * Its fields are what the server said last; {@link Box.refresh} asks again. A box holds nothing that has to be given back.
 */
export class Box implements BoxInfo {
  /** The id, for good. */
  declare readonly id: string;
  /** The name. */
  declare readonly name: string;
  /** The image that it was made from. */
  declare readonly image: string;
  /** Its public address; empty where it has none. */
  declare readonly publicIp: string;
  /** Its state. */
  declare readonly status: BoxStatus;
  /** Where its default proxy answers. From create and fork. */
  declare readonly url?: string;
  /** How long it took to boot. */
  declare readonly bootTimeMs?: number;
  /** The box that it was forked from. From fork. */
  declare readonly forkedFrom?: string;
  /** When its main process is started again. From get and list. */
  declare readonly restartPolicy?: RestartPolicy;
  /** The size of its disk in bytes. From get and list. */
  declare readonly diskBytes?: number;
  /** After which idle time it is suspended; 0 is never. From get and list. */
  declare readonly autoSuspendTimeoutSecs?: number;
  readonly #client: Client;

  private constructor(client: Client, info: BoxInfo) {
    this.#client = client;
    this.#update(info);
  }

  /** @internal */
  static of(client: Client, info: BoxInfo): Box {
    return new this(client, info);
  }

  /** Boots a stopped box again. Its files are those it had. */
  async start(options?: CallOptions): Promise<void> {
    await this.#change("start", options);
  }

  /** Ends every process of the box. Its files are kept. */
  async stop(options?: CallOptions): Promise<void> {
    await this.#change("stop", options);
  }

  /** Stops and starts the box. */
  async reboot(options?: CallOptions): Promise<void> {
    await this.#change("reboot", options);
  }

  /** Stops every process in its tracks, with its memory. */
  suspend(options?: CallOptions): Promise<SuspendResult> {
    return this.#change("suspend", options);
  }

  /** Lets a suspended box go on where it was. */
  resume(options?: CallOptions): Promise<ResumeResult> {
    return this.#change("resume", options);
  }

  /**
   * Destroys the box and its files, for good.
   *
   * @throws {@link NotFoundError} when it was destroyed before.
   */
  async destroy(options?: CallOptions): Promise<void> {
    await this.#change("destroy", options);
  }

  /**
   * Asks the server for the box's present state, which its fields then tell. Repeated on a lost connection.
   *
   * @throws {@link NotFoundError} when it was destroyed.
   */
  async refresh(options?: CallOptions): Promise<this> {
    this.#update(await this.#client.json("refresh", this.#named(), options));
    return this;
  }

  /**
   * Waits until the box is `running` and a command succeeds in it.
   *
   * @throws {@link TimeoutError} when time runs out; {@link BoxdError} at once when the box has failed, was stopped or was
   * destroyed.
   */
  async waitUntilReady(options?: WaitOptions): Promise<this> {
    const given = this.#named({ timeoutMs: options?.timeoutMs });
    this.#update(await this.#client.json("wait", given, options));
    return this;
  }

  /**
   * Runs a program in the box. Each argument arrives as it is; no shell reads them.
   *
   * It is never sent twice: when its connection breaks, the error says that the outcome is unknown and carries what the
   * command had written ({@link BoxdError.output}).
   *
   * @example
   * ```ts
   * const { stdout, exitCode } = await box.exec(["ls", "-la", "/tmp/a folder"]);
   * ```
   */
  exec(command: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** Runs a program in the box, to be read while it runs. */
  exec(command: readonly string[], options: StreamOptions): Promise<ExecProcess>;
  /** Runs a program in the box in a terminal. */
  exec(command: readonly string[], options: InteractiveOptions): Promise<ExecProcess>;
  exec(
    command: readonly string[],
    options?: ExecOptions | StreamOptions | InteractiveOptions,
  ): Promise<ExecResult | ExecProcess> {
    return this.#run({ argv: command }, options);
  }

  /**
   * Runs a line in the box's shell: pipes, variables, `&&`. Variables and directory set in the options hold for all of it.
   *
   * @example
   * ```ts
   * const count = await box.execShell("cat *.log | grep -c $WORD", { env: { WORD: "error" }, cwd: "/var/log" });
   * ```
   */
  execShell(line: string, options?: ExecOptions): Promise<ExecResult>;
  /** Runs a line in the box's shell, to be read while it runs. */
  execShell(line: string, options: StreamOptions): Promise<ExecProcess>;
  /** Runs a line in the box's shell in a terminal. */
  execShell(line: string, options: InteractiveOptions): Promise<ExecProcess>;
  execShell(
    line: string,
    options?: ExecOptions | StreamOptions | InteractiveOptions,
  ): Promise<ExecResult | ExecProcess> {
    return this.#run({ shell: line }, options);
  }

  /**
   * Writes a file in the box: the content first, then its place. A relative path starts at the box user's home. The file
   * appears whole or not at all where the server can do so. It is never sent twice.
   *
   * A `Blob` is read piece by piece. A `ReadableStream` is gathered first, since the size goes out before the content.
   *
   * @returns The number of bytes written.
   * @example
   * ```ts
   * await box.writeFile("text content", "/app/file.txt");
   * await box.writeFile(fileInput.files[0], "/app/upload.bin", { onProgress: ({ bytes }) => show(bytes) });
   * ```
   */
  async writeFile(content: Content, path: string, options?: WriteFileOptions): Promise<number> {
    options?.signal?.throwIfAborted();
    const given = this.#named({ path, content: await toBody(content), onProgress: reporter(options?.onProgress) });
    return this.#client.call("write", given, options);
  }

  /**
   * Reads a file of the box: its bytes, or what `as` asks for. A file that arrives short is an error, never a short file.
   *
   * @example
   * ```ts
   * const config = await box.readFile("/app/config.json", { as: "text" });
   * const stream = await box.readFile("/app/large.bin", { as: "stream" });
   * ```
   */
  readFile(path: string, options?: ReadFileOptions & { readonly as?: "bytes" | undefined }): Promise<Uint8Array<ArrayBuffer>>;
  /** Reads a file of the box as text. */
  readFile(path: string, options: ReadFileOptions & { readonly as: "text" }): Promise<string>;
  /** Reads a file of the box into a `Blob`. */
  readFile(path: string, options: ReadFileOptions & { readonly as: "blob" }): Promise<Blob>;
  /** Reads a file of the box as it comes. Nothing is sent before the first read. */
  readFile(path: string, options: ReadFileOptions & { readonly as: "stream" }): Promise<ByteStream>;
  async readFile(
    path: string,
    options: ReadFileOptions = {},
  ): Promise<Uint8Array<ArrayBuffer> | string | Blob | ByteStream> {
    const given = this.#named({ path, onProgress: reporter(options.onProgress) });
    const stream = this.#client.stream("read", given, options);
    switch (options.as) {
      case "stream":
        return stream;
      case "text":
        return stream.text();
      case "blob":
        return stream.blob();
      default:
        return stream.bytes();
    }
  }

  /**
   * The box's console output: what is there, or with `follow` what comes too. Nothing is sent before the first read;
   * leaving the loop early ends the call at the server.
   *
   * It is never opened again by itself: a silent gap or repeat would be worse than an end.
   *
   * @example
   * ```ts
   * for await (const line of box.streamLogs({ follow: true }).lines()) console.log(line);
   * ```
   */
  streamLogs(options?: LogOptions): ByteStream {
    return this.#client.stream("logs", this.#named({ follow: options?.follow }), options);
  }

  async #run(
    command: { argv: readonly string[] } | { shell: string },
    options: ExecOptions | StreamOptions | InteractiveOptions = {},
  ): Promise<ExecResult | ExecProcess> {
    const { env = {}, signal, stdin, stream, ...rest } = options as ExecOptions & { interactive?: boolean };
    signal?.throwIfAborted();
    const input = stdin === undefined ? undefined : await toBytes(stdin);
    const given = this.#named({ ...rest, ...command, env: Object.entries(env).flat(), stdin: input });
    return stream || rest.interactive
      ? ExecProcess.of(await this.#client.call("process", given, { signal }))
      : new ExecResult(await this.#client.call("exec", given, { signal }));
  }

  async #change(verb: Verb, options?: CallOptions): Promise<{ durationMs: number }> {
    const changed = this.#client.json<{ status: BoxStatus; micros?: number }>(verb, this.#named(), options);
    const { status, micros = 0 } = await changed;
    this.#update({ status });
    return { durationMs: micros / 1000 };
  }

  /** What the core is told, with which box is meant. */
  #named(options?: object): object {
    return { ...options, id: this.id, name: this.name };
  }

  /** Takes over what a newer answer says, and keeps what it leaves out. */
  #update(info: Partial<BoxInfo>): void {
    Object.assign(this, info);
  }
}

/** A progress callback as the core calls it. */
function reporter(onProgress: ((progress: Progress) => void) | undefined) {
  return onProgress && ((bytes: number, total?: number) => onProgress(total === undefined ? { bytes } : { bytes, total }));
}
