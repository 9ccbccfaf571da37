import { ApiKeyService } from "./api-keys.js";
import { Box } from "./box.js";
import { Client } from "./client.js";
import { sized, toCore } from "./config.js";
import { DiskService } from "./disks.js";
import { DomainService } from "./domains.js";
import { NetworkService } from "./networks.js";
import { TemplateService } from "./templates.js";
import { TokenService } from "./tokens.js";
import type {
  BoxInfo,
  CallOptions,
  ClusterConfig,
  ComputeOptions,
  CreateOptions,
  ForkOptions,
  Identity,
} from "./types.js";

/**
 * A boxd cluster, as one caller sees it. Making one does no I/O; the first call loads the WebAssembly part and connects.
 *
 * @example
 * ```ts
 * const compute = new Compute({ apiKey: "bxk_…" });
 * const box = await compute.box.create({ name: "my-vm" });
 * const { stdout } = await box.exec(["echo", "hello"]);
 * await box.destroy();
 * ```
 */
export class Compute {
  /** Create, list, get and fork boxes. */
  readonly box: BoxService;
  /** Prepare an image and a configuration, and create boxes from them. */
  readonly template: TemplateService;
  /** Create and find disks, to be attached to boxes. */
  readonly disk: DiskService;
  /** Bind external domains to boxes. */
  readonly domain: DomainService;
  /** Create and list networks. */
  readonly network: NetworkService;
  /** Issue, list and revoke tokens. */
  readonly token: TokenService;
  /** Issue, list and delete API keys. */
  readonly apiKey: ApiKeyService;
  readonly #client: Client;

  /** Does no I/O. What cannot be right shows at the first call. */
  constructor(options: ComputeOptions = {}) {
    const client = (this.#client = new Client(options));
    this.box = BoxService.of(client);
    this.template = TemplateService.of(client);
    this.disk = DiskService.of(client);
    this.domain = DomainService.of(client);
    this.network = NetworkService.of(client);
    this.token = TokenService.of(client);
    this.apiKey = ApiKeyService.of(client);
  }

  /** Who the credentials belong to. Repeated on a lost connection. */
  whoami(options?: CallOptions): Promise<Identity> {
    return this.#client.json("whoami", {}, options);
  }

  /** The cluster's defaults. Repeated on a lost connection. */
  config(options?: CallOptions): Promise<ClusterConfig> {
    return this.#client.json("config", {}, options);
  }

  /** Gives back what the client holds. Calls under way go on; new ones are refused, by its boxes too. */
  close(): void {
    this.#client.close();
  }

  /** As {@link Compute.close}: for `using`. */
  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** Creates, finds and forks boxes: {@link Compute.box}. */
export class BoxService {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** @internal */
  static of(client: Client): BoxService {
    return new this(client);
  }

  /**
   * Creates a box. Returns once it is scheduled; {@link Box.waitUntilReady} waits until commands run in it.
   *
   * It is never sent twice: when the answer is lost, {@link BoxdError.outcomeUnknown} holds, and a
   * {@link BoxService.get} by the name tells.
   *
   * @throws {@link InvalidArgumentError} for a name that is taken or a configuration that cannot be right.
   */
  async create(options: CreateOptions = {}, call?: CallOptions): Promise<Box> {
    const { name, image, config } = options;
    return this.#box(await this.#client.json("create", { name, image, ...toCore(config) }, call));
  }

  /** All boxes of the account. Repeated on a lost connection. */
  async list(call?: CallOptions): Promise<Box[]> {
    const { boxes } = await this.#client.json<{ boxes: BoxInfo[] }>("list", {}, call);
    return boxes.map((info) => this.#box(info));
  }

  /**
   * The box of this name or id. Repeated on a lost connection.
   *
   * @throws {@link NotFoundError} when there is neither.
   */
  async get(nameOrId: string, call?: CallOptions): Promise<Box> {
    return this.#box(await this.#client.json("get", { wanted: nameOrId }, call));
  }

  /**
   * Forks a box, given by itself, its name or its id: a new box with a copy of its files. Never sent twice.
   *
   * @throws {@link NotFoundError} for a source that is not there.
   */
  async fork(source: Box | string, options: ForkOptions = {}, call?: CallOptions): Promise<Box> {
    // What cannot be right is refused before the source is asked for.
    const config = sized("a fork", options.config);
    const { id, name } = await this.#client.locate(source, call);
    return this.#box(await this.#client.json("fork", { forkName: options.name, config, id, name }, call));
  }

  #box(info: BoxInfo): Box {
    return Box.of(this.#client, info);
  }
}
