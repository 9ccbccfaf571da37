/** A string of which some values are known; a newer cluster may send others. */
type Open<Known extends string> = Known | (string & {});

/** The state of a box. */
export type BoxStatus = Open<
  | "pending"
  | "starting"
  | "running"
  | "suspended"
  | "hibernated"
  | "stopped"
  | "failed"
  | "destroyed"
  | "migrating"
>;

/** When the main process of a box is started again. */
export type RestartPolicy = Open<"always" | "on-failure" | "never">;

/** A named cluster. */
export type Environment = "production" | "staging";

/** What every call takes. */
export interface CallOptions {
  /** Ends the call when it is aborted, at the server too. The call is then rejected with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Where the cluster is, and who is calling.
 *
 * Where there are environment variables (Node, Deno, Bun), what is not given comes from `BOXD_TOKEN`, `BOXD_API_KEY`,
 * `BOXD_ENVIRONMENT`, `BOXD_API_URL` and `BOXD_EXCHANGE_URL`.
 */
export interface ComputeOptions {
  /**
   * An API key (`bxk_…`). It goes to the exchange URL alone, never to the API. Whoever can read a page's code can read
   * a key in it: give pages short-lived tokens that a server of yours issues.
   */
  readonly apiKey?: string | undefined;
  /** A token (`eyJ…`), used as it is and never refreshed. Wins over an API key. */
  readonly token?: string | undefined;
  /** A named cluster. Default: production. */
  readonly environment?: Environment | undefined;
  /**
   * Where the API is: `https://host:port`, `http://host:port` for plaintext, or `host:port`, which means TLS unless the
   * host is this machine. Wins over the environment.
   */
  readonly apiUrl?: string | undefined;
  /** Where API keys are exchanged for tokens. Wins over the environment. */
  readonly exchangeUrl?: string | undefined;
  /** How long a call may take with all its attempts. Default: 60,000. Streams and commands have no such limit. */
  readonly requestTimeoutMs?: number | undefined;
  /** How long a stream may wait for its first sign of life. Default: no limit, since a quiet command sends none. */
  readonly openTimeoutMs?: number | undefined;
  /** How long a stream may be silent between two messages. Default: no limit. */
  readonly idleTimeoutMs?: number | undefined;
  /**
   * How often a read is sent again when the cluster is unavailable. Default: 2. What changes something is never sent
   * twice.
   */
  readonly retries?: number | undefined;
  /** The pause before the first repetition; it doubles each time, with jitter. Default: 500. */
  readonly retryDelayMs?: number | undefined;
  /**
   * Once a WebSocket has been silent for one and a half of this, not even with the signs of life that it is asked for, it
   * is taken as lost and its call ends with a {@link ConnectionError}. Default: 30,000; 2,000 is the shortest; 0 waits
   * for the operating system to notice.
   */
  readonly keepaliveMs?: number | undefined;
  /**
   * The constructor of WebSockets, in place of the host's own. Node 20 has none: pass in the one of the npm package `ws`.
   *
   * @example
   * ```ts
   * import { WebSocket } from "ws";
   * const compute = new Compute({ webSocket: WebSocket });
   * ```
   */
  readonly webSocket?: WebSocketConstructor | undefined;
}

/** What makes WebSockets: a page's own `WebSocket`, or that of the npm package `ws`. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** What is used of a WebSocket; its events are listened to by its `onopen`, `onmessage`, `onerror` and `onclose`. */
export interface WebSocketLike {
  /** In what form messages come. */
  binaryType: string;
  /** How many bytes have not been sent yet. */
  readonly bufferedAmount: number;
  /** 1 while it is open, more when it no longer is. */
  readonly readyState: number;
  /** Sends a message. */
  send(message: Uint8Array<ArrayBuffer>): void;
  /** Closes it. */
  close(): void;
}

/** What the server last said of a box. */
export interface BoxInfo {
  /** The id, for good. */
  readonly id: string;
  /** The name. */
  readonly name: string;
  /** The image that it was made from. */
  readonly image: string;
  /** Its public address; empty where it has none. */
  readonly publicIp: string;
  /** Its state. */
  readonly status: BoxStatus;
  /** Where its default proxy answers. From create and fork. */
  readonly url?: string;
  /** How long it took to boot. */
  readonly bootTimeMs?: number;
  /** The box that it was forked from. From fork. */
  readonly forkedFrom?: string;
  /** When its main process is started again. From get and list. */
  readonly restartPolicy?: RestartPolicy;
  /** The size of its disk in bytes. From get and list. */
  readonly diskBytes?: number;
  /** After which idle time it is suspended; 0 is never. From get and list. */
  readonly autoSuspendTimeoutSecs?: number;
}

/** What a box is made with. Everything has the server's default unless set. */
export interface BoxConfig {
  /** Virtual CPUs. */
  readonly vcpu?: number | undefined;
  /** Memory: `"4G"`, `"512M"`, or a number of bytes. Units are powers of 1024. */
  readonly memory?: string | number | undefined;
  /** Disk, as memory. */
  readonly disk?: string | number | undefined;
  /** Environment variables of the main process and what it starts. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** The main process; the image's own if left out. */
  readonly cmd?: readonly string[] | undefined;
  /** When the main process is started again. Default: `"always"`. */
  readonly restartPolicy?: RestartPolicy | undefined;
  /** Suspends the box after this long without activity; 0 is never. */
  readonly autoSuspendTimeoutSecs?: number | undefined;
  /** Destroys the box after this long; 0 is never. */
  readonly autoDestroyTimeoutSecs?: number | undefined;
  /** How the box is reached from outside. */
  readonly network?: NetworkConfig | undefined;
  /** Disks that are attached from the start. */
  readonly volumes?: readonly VolumeMount[] | undefined;
}

/** How a box is reached from outside. */
export interface NetworkConfig {
  /** Whether it takes SSH. Default: true. */
  readonly ssh?: boolean | undefined;
  /** Named proxies beside the default one. */
  readonly proxies?: readonly ProxyConfig[] | undefined;
}

/** A named proxy to a port of a box. */
export interface ProxyConfig {
  /** The first label of its address. */
  readonly name: string;
  /** The port inside the box. */
  readonly port?: number | undefined;
}

/** A disk and where it is mounted. */
export interface VolumeMount {
  /** The disk's id. */
  readonly diskId: string;
  /** An absolute path inside the box. */
  readonly mountPath: string;
  /** Refuses writes. */
  readonly readOnly?: boolean | undefined;
}

/** What {@link BoxService.create} takes. */
export interface CreateOptions {
  /** The box's name. Default: the server chooses one. */
  readonly name?: string | undefined;
  /** The image, `"ghcr.io/org/img:tag"`. Default: the cluster's. */
  readonly image?: string | undefined;
  /** Everything else. */
  readonly config?: BoxConfig | undefined;
}

/** What {@link BoxService.fork} takes. */
export interface ForkOptions {
  /** The new box's name. Default: the server chooses one. */
  readonly name?: string | undefined;
  /** Another size than the source's. A fork keeps its source's `env`, `cmd` and `restartPolicy`. */
  readonly config?: BoxConfig | undefined;
}

/** What a suspend answers. */
export interface SuspendResult {
  /** How long it took at the server, to the microsecond. */
  readonly durationMs: number;
}

/** What a resume answers. */
export interface ResumeResult {
  /** How long it took at the server, to the microsecond. */
  readonly durationMs: number;
}

/** What {@link Box.waitUntilReady} takes. */
export interface WaitOptions extends CallOptions {
  /** How long to wait. Default: 90,000. */
  readonly timeoutMs?: number | undefined;
}

/** Something to be written: text, bytes, or what holds bytes. */
export type Content = string | Uint8Array | ArrayBuffer | Blob | ReadableStream<Uint8Array>;

/** How a command is run. */
export interface CommandOptions extends CallOptions {
  /** Environment variables for the command. Names must be shell identifiers. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** The directory of the box to run in. Default: the user's home. If it is not there, nothing runs. */
  readonly cwd?: string | undefined;
  /** Ends the call after this long with a {@link TimeoutError} that carries the output so far. Default: no limit. */
  readonly timeoutMs?: number | undefined;
  /** What the command reads from its standard input, then end-of-file. Default: nothing. */
  readonly stdin?: Content | undefined;
}

/** How a command is run to its end. */
export interface ExecOptions extends CommandOptions {
  /**
   * How many bytes of each output are kept: the first half and the last half of it. Default: 256 MiB.
   * {@link ExecOutput.stdoutCut} says what was cut.
   */
  readonly outputLimit?: number | undefined;
  /** Waits for the end. */
  readonly stream?: false | undefined;
}

/** How a command is run that is read while it runs. */
export interface StreamOptions extends CommandOptions {
  /** Gives the running process. */
  readonly stream: true;
  /**
   * Leaves the command's standard input open, for {@link ExecProcess.stdin}. Such a command goes over a WebSocket, since
   * `fetch` cannot send while it receives. Where the host has none and {@link ComputeOptions.webSocket} gives none, it
   * fails with `UNIMPLEMENTED`, and nothing is sent.
   */
  readonly keepStdinOpen?: boolean | undefined;
}

/** How a command is run in a terminal. */
export interface InteractiveOptions extends Omit<CommandOptions, "stdin"> {
  /** Gives the command a terminal, and leaves its input open: over a WebSocket, as {@link StreamOptions.keepStdinOpen}. */
  readonly interactive: true;
  /** The terminal's width. Default: 80. */
  readonly cols?: number | undefined;
  /** The terminal's height. Default: 24. */
  readonly rows?: number | undefined;
}

/** A gap in collected output. */
export interface OutputCut {
  /** Where in the collected bytes the gap is. */
  readonly at: number;
  /** How many bytes are missing there. */
  readonly bytes: number;
}

/** How far a transfer has come. */
export interface Progress {
  /** Bytes transferred so far. */
  readonly bytes: number;
  /** Bytes in all, where known. */
  readonly total?: number;
}

/** What {@link Box.writeFile} takes. */
export interface WriteFileOptions extends CallOptions {
  /**
   * Called as the transfer goes on, at most once per MiB and at the end. `fetch` does not tell how much of a request has
   * left: what is told is how much was read and handed to it. What the callback throws ends the transfer.
   */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** What {@link Box.readFile} takes. */
export interface ReadFileOptions extends CallOptions {
  /** Called as the transfer goes on, once per piece that arrives. What the callback throws ends the transfer. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** In what form the content is wanted. Default: `"bytes"`. */
  readonly as?: "bytes" | "text" | "blob" | "stream" | undefined;
}

/** What {@link Box.streamLogs} takes. */
export interface LogOptions extends CallOptions {
  /** Stays for what comes (true), or ends with what is there. Default: false. */
  readonly follow?: boolean | undefined;
}

/** An HTTP proxy of a box: a host name that leads to a port inside it. */
export interface ProxyInfo {
  /** Its name; empty for the default one. */
  readonly name: string;
  /** The name of its box. */
  readonly boxName: string;
  /** The host name under which it is reached. */
  readonly domain: string;
  /** The port inside the box; 0 where the server finds it. */
  readonly port: number;
  /** Whether it is the box's default one. */
  readonly isDefault: boolean;
  /** The port, for people. From {@link Box.proxies}. */
  readonly portDisplay?: string;
  /** The id of its box. */
  readonly boxId?: string;
  /** How the port is chosen, in the server's words. From {@link Box.proxies}, where the server tells. */
  readonly portMode?: string;
  /** The port that requests go to right now. From {@link Box.proxies}, where the server tells. */
  readonly effectivePort?: number;
}

/** What {@link Box.createProxy} takes. */
export interface CreateProxyOptions {
  /** The port inside the box. 0 lets the server find it. */
  readonly port: number;
}

/** What {@link Box.setProxyPort} takes. */
export interface SetProxyPortOptions {
  /** The port inside the box. 0 lets the server find it, which older servers refuse. */
  readonly port: number;
  /** Which proxy to change. Default: the box's default one. */
  readonly name?: string | undefined;
}

/** A public port that is forwarded to a box. */
export interface ExposedPort {
  /** The name of the box. */
  readonly boxName: string;
  /** The id of the box; empty where the server does not tell. */
  readonly boxId: string;
  /** The host name under which it is reached. */
  readonly dns: string;
  /** The port under which it is reached. */
  readonly publicPort: number;
  /** The port inside the box. */
  readonly port: number;
  /** What is forwarded. */
  readonly protocol: PortProtocol;
}

/** What a public port forwards. */
export type PortProtocol = Open<"tcp" | "udp" | "both">;

/** What {@link Box.exposePort} takes. */
export interface ExposePortOptions {
  /** What is forwarded. Default: `"tcp"`. */
  readonly protocol?: PortProtocol | undefined;
}

/** What is in a folder of a box. */
export interface DirListing {
  /** The entries, in no promised order. */
  readonly entries: readonly DirEntry[];
  /** Whether the folder holds more than the server lists at once. */
  readonly truncated: boolean;
}

/** One entry of a folder. */
export interface DirEntry {
  /** Its name, without the folder's path. */
  readonly name: string;
  /** Whether it is a folder. */
  readonly isDir: boolean;
  /** Its size in bytes; 0 for a folder. */
  readonly sizeBytes: number;
  /** Kind and permissions as `ls` shows them, `"-rw-r--r--"`. */
  readonly permissions: string;
  /** When its content last changed, to the second. */
  readonly modifiedAt: Date;
  /** When it came into the folder, as near as the box knows, to the second. */
  readonly addedAt?: Date;
}

/** Who the credentials belong to. */
export interface Identity {
  /** The account, `"gh-username"`. */
  readonly userId: string;
  /** The name to show; empty where the server has none. */
  readonly displayName: string;
  /** Fingerprints of the account's SSH keys, `"SHA256:…"`. */
  readonly fingerprints: readonly string[];
  /** The network that boxes join by default; empty from clusters that have none. */
  readonly defaultNetworkId: string;
}

/** The cluster's defaults. */
export interface ClusterConfig {
  /** The image of a box created without one, `"ubuntu:latest"`. */
  readonly defaultImage: string;
  /** The DNS zone in which boxes are reached, `"boxd.sh"`. */
  readonly zone: string;
}

/** What the WebAssembly part can be loaded from: see {@link init}. */
export type InitInput =
  | string
  | URL
  | Request
  | Response
  | ArrayBuffer
  | Uint8Array<ArrayBuffer>
  | WebAssembly.Module;
