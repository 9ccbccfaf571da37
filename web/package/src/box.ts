import { checkPath, checkPort, dates, given, wholeSeconds } from "./check.js";
import type { Client } from "./client.js";
import { toBody, toBytes } from "./content.js";
import { ExecProcess, type OpenProcess } from "./process.js";
import { ExecResult } from "./result.js";
import type { ByteStream } from "./stream.js";
import type {
  BoxInfo,
  BoxStatus,
  CallOptions,
  Content,
  CreateProxyOptions,
  DirListing,
  ExecOptions,
  ExposePortOptions,
  ExposedPort,
  InteractiveOptions,
  LogOptions,
  Progress,
  ProxyInfo,
  ReadFileOptions,
  RestartPolicy,
  ResumeResult,
  SetProxyPortOptions,
  StreamOptions,
  SuspendResult,
  WaitOptions,
  WriteFileOptions,
} from "./types.js";

type Verb = "start" | "stop" | "reboot" | "suspend" | "resume" | "hibernate" | "wake" | "destroy";

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
   * Moves the box's memory to disk and frees what it used. Cheaper than suspended; {@link Box.wake} takes longer than a
   * {@link Box.resume}.
   */
  async hibernate(options?: CallOptions): Promise<void> {
    await this.#change("hibernate", options);
  }

  /** Lets a hibernated box go on where it was. */
  async wake(options?: CallOptions): Promise<void> {
    await this.#change("wake", options);
  }

  /**
   * Gives the box another name, under which it is reached at once. Inside, its host name may follow only when it boots, and a
   * server may reboot it for that. Never sent twice.
   *
   * @throws {@link InvalidArgumentError} for a name that is taken or cannot be one.
   */
  async rename(newName: string, options?: CallOptions): Promise<void> {
    given({ newName });
    this.#update(await this.#client.json("rename", this.#named({ newName }), options));
  }

  /** Sets after how many seconds without activity the box is suspended; 0 is never. */
  async setAutoSuspendTimeout(secs: number, options?: CallOptions): Promise<void> {
    const autoSuspendTimeoutSecs = Math.min(wholeSeconds(secs), 0xffff_ffff);
    await this.#client.json("setAutoSuspendTimeout", this.#named({ secs: autoSuspendTimeoutSecs }), options);
    this.#update({ autoSuspendTimeoutSecs });
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
  /** Runs a program in the box, to be read and written to while it runs. */
  exec(command: readonly string[], options: StreamOptions & { readonly keepStdinOpen: true; readonly stdin?: undefined }): Promise<OpenProcess>;
  /** Runs a program in the box, to be read while it runs. */
  exec(command: readonly string[], options: StreamOptions): Promise<ExecProcess>;
  /** Runs a program in the box in a terminal, to be talked to while it runs. */
  exec(command: readonly string[], options: InteractiveOptions): Promise<OpenProcess>;
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
  /** Runs a line in the box's shell, to be read and written to while it runs. */
  execShell(line: string, options: StreamOptions & { readonly keepStdinOpen: true; readonly stdin?: undefined }): Promise<OpenProcess>;
  /** Runs a line in the box's shell, to be read while it runs. */
  execShell(line: string, options: StreamOptions): Promise<ExecProcess>;
  /** Runs a line in the box's shell in a terminal, to be talked to while it runs. */
  execShell(line: string, options: InteractiveOptions): Promise<OpenProcess>;
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

  /**
   * What is in a folder of the box. A relative path starts at the box user's home. Repeated on a lost connection.
   *
   * @throws {@link NotFoundError} for a path that is not there.
   * @example
   * ```ts
   * const { entries } = await box.listDir("/app");
   * for (const { permissions, sizeBytes, name } of entries) console.log(permissions, sizeBytes, name);
   * ```
   */
  listDir(path: string, options?: CallOptions): Promise<DirListing> {
    return this.#at("listDir", { path }, options);
  }

  /**
   * Makes a folder in the box. Make its parent first: not every server makes that as well. Never sent twice.
   *
   * @throws {@link InvalidArgumentError} when a file is there already.
   */
  async mkdir(path: string, options?: CallOptions): Promise<void> {
    await this.#at("mkdir", { path }, options);
  }

  /**
   * Moves a file or folder of the box to another path. Never sent twice.
   *
   * @throws {@link NotFoundError} for a path that is not there.
   */
  async renamePath(from: string, to: string, options?: CallOptions): Promise<void> {
    await this.#at("renamePath", { from, to }, options);
  }

  /**
   * Copies a file of the box, or a folder with all that is in it. Never sent twice.
   *
   * @throws {@link NotFoundError} for a path that is not there.
   */
  async copyPath(from: string, to: string, options?: CallOptions): Promise<void> {
    await this.#at("copyPath", { from, to }, options);
  }

  /**
   * Deletes a file of the box, or a folder with all that is in it. Never sent twice.
   *
   * @throws {@link NotFoundError} for a path that is not there.
   */
  async removePath(path: string, options?: CallOptions): Promise<void> {
    await this.#at("removePath", { path }, options);
  }

  /** The box's HTTP proxies: the default one, and those that were created. Repeated on a lost connection. */
  proxies(options?: CallOptions): Promise<ProxyInfo[]> {
    return this.#client.list("proxies", this.#named(), options);
  }

  /**
   * Creates a proxy to a port of the box: `http://<name>.<box>.<zone>`. Never sent twice.
   *
   * @throws {@link InvalidArgumentError} for a name that is taken or cannot be a part of a host name.
   * @example
   * ```ts
   * const { domain } = await box.createProxy("api", { port: 3001 });
   * await box.setProxyPort({ port: 3000 }); // of the default proxy
   * await box.setProxyPort({ port: 3002, name: "api" });
   * ```
   */
  async createProxy(name: string, options: CreateProxyOptions, call?: CallOptions): Promise<ProxyInfo> {
    const { port } = options;
    given({ name });
    checkPort(port);
    const made = await this.#client.json<ProxyInfo>("createProxy", this.#named({ proxy: name, port }), call);
    return { ...made, boxId: this.id, isDefault: false };
  }

  /**
   * Points a proxy at another port of the box. Never sent twice.
   *
   * @throws {@link NotFoundError} for a name that is not there.
   */
  async setProxyPort(options: SetProxyPortOptions, call?: CallOptions): Promise<void> {
    const { port, name } = options;
    checkPort(port);
    const wanted = { proxy: name, port: port === 0 ? "auto" : String(port) };
    await this.#client.json("setProxyPort", this.#named(wanted), call);
  }

  /**
   * Deletes a proxy that was created by name. The default one stays. Never sent twice.
   *
   * @throws {@link NotFoundError} for a name that is not there.
   */
  async deleteProxy(name: string, options?: CallOptions): Promise<void> {
    given({ name });
    await this.#client.json("deleteProxy", this.#named({ proxy: name }), options);
  }

  /** The ports of the box that are exposed. Repeated on a lost connection. */
  async ports(options?: CallOptions): Promise<ExposedPort[]> {
    const all = await this.#client.list<ExposedPort>("ports", this.#named(), options);
    // Older servers list those of all boxes, and tell names alone.
    return all.filter(({ boxId, boxName }) => (boxId ? boxId === this.id : boxName === this.name));
  }

  /**
   * Forwards a public port to a port of the box. One that is exposed already keeps its public port. Never sent twice.
   *
   * @throws {@link InvalidArgumentError} for a protocol that the server does not know.
   * @example
   * ```ts
   * const { dns, publicPort } = await box.exposePort(5432);
   * ```
   */
  async exposePort(port: number, options: ExposePortOptions = {}, call?: CallOptions): Promise<ExposedPort> {
    checkPort(port, 1);
    const { protocol = "tcp" } = options;
    return this.#client.json("exposePort", this.#named({ port, protocol }), call);
  }

  /**
   * Ends the forward to a port of the box, and gives what it was. Never sent twice.
   *
   * @throws {@link NotFoundError} when the port is not exposed.
   */
  async unexposePort(port: number, options?: CallOptions): Promise<ExposedPort> {
    checkPort(port, 1);
    const { forward } = await this.#client.json<{ forward: ExposedPort }>("unexposePort", this.#named({ port }), options);
    return forward;
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

  /** What is done to paths. */
  async #at<T>(what: string, paths: Record<string, string>, options?: CallOptions): Promise<T> {
    for (const [argument, path] of Object.entries(paths)) checkPath(argument, path);
    return this.#client.json(what, this.#named(paths), options, dates);
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
