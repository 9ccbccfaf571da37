import type { Box } from "./box.js";
import { given } from "./check.js";
import type { Client } from "./client.js";
import { InvalidArgumentError, NotFoundError } from "./errors.js";
import type { CallOptions } from "./types.js";

/** What the server last said of a disk. */
export interface DiskInfo {
  /** The id, for good. */
  readonly id: string;
  /** The name. */
  readonly name: string;
  /** The size in bytes. */
  readonly sizeBytes: number;
  /** Its state, in the server's words. */
  readonly status: string;
  /** The boxes that it is attached to. */
  readonly attachments: readonly DiskAttachment[];
  /** The id of the host that holds it. From get and list, where the server tells. */
  readonly workerId?: string;
  /** When it was created. From get and list, where the server tells. */
  readonly createdAt?: Date;
}

/** A disk's place in a box. */
export interface DiskAttachment {
  /** The id of the box. */
  readonly boxId: string;
  /** The name of the box. */
  readonly boxName: string;
  /** Where it stands inside the box. */
  readonly mountPath: string;
  /** Whether writes are refused. */
  readonly readOnly: boolean;
}

/** What {@link DiskService.create} takes. */
export interface CreateDiskOptions {
  /** The size: `"10G"`, `"512M"`, or a number of bytes. Units are powers of 1024. */
  readonly size: string | number;
}

/** What {@link Disk.attach} takes. */
export interface AttachOptions {
  /** Where it is to stand: an absolute path inside the box. */
  readonly mountPath: string;
  /** Refuses writes. Default: false. */
  readonly readOnly?: boolean | undefined;
}

/**
 * A disk: kept apart from boxes, and attached to them.
 *
 * Its fields are what the server said last and what was done through this object since; {@link Disk.refresh} asks again. A
 * disk holds nothing that has to be given back.
 */
export class Disk implements DiskInfo {
  /** The id, for good. */
  declare readonly id: string;
  /** The name. */
  declare readonly name: string;
  /** The size in bytes. */
  declare readonly sizeBytes: number;
  /** Its state, in the server's words. */
  declare readonly status: string;
  /** The boxes that it is attached to. */
  declare readonly attachments: readonly DiskAttachment[];
  /** The id of the host that holds it. From get and list, where the server tells. */
  declare readonly workerId?: string;
  /** When it was created. From get and list, where the server tells. */
  declare readonly createdAt?: Date;
  readonly #client: Client;

  private constructor(client: Client, info: DiskInfo) {
    this.#client = client;
    this.#update(info);
  }

  /** @internal */
  static of(client: Client, info: DiskInfo): Disk {
    return new this(client, info);
  }

  /**
   * Mounts the disk in a box, given by itself, its name or its id. Never sent twice.
   *
   * @throws {@link InvalidArgumentError} for a path that is not absolute; {@link NotFoundError} for a box that is not there.
   * @example
   * ```ts
   * await disk.attach(box, { mountPath: "/mnt/data", readOnly: true });
   * ```
   */
  async attach(box: Box | string, options: AttachOptions, call?: CallOptions): Promise<void> {
    const { mountPath, readOnly = false } = options;
    if (!mountPath?.startsWith("/")) {
      throw new InvalidArgumentError("mountPath: is not an absolute path", { code: "INVALID_ARGUMENT" });
    }
    const to = await this.#client.locate(box, call);
    await this.#client.json("attachDisk", this.#named({ box: to.id, mountPath, readOnly }), call);
    this.#detached(to.id, { boxId: to.id, boxName: to.name, mountPath, readOnly });
  }

  /**
   * Unmounts the disk from a box, given by itself, its name or its id. What is on it is kept. Never sent twice.
   *
   * @throws {@link NotFoundError} for a box that is not there.
   */
  async detach(box: Box | string, call?: CallOptions): Promise<void> {
    const { id } = await this.#client.locate(box, call);
    await this.#client.json("detachDisk", this.#named({ box: id }), call);
    this.#detached(id);
  }

  /**
   * Destroys the disk and what is on it, for good. Refused while it is attached. Never sent twice.
   *
   * @throws {@link NotFoundError} when it was destroyed before.
   */
  async destroy(call?: CallOptions): Promise<void> {
    this.#update(await this.#client.json("destroyDisk", this.#named(), call));
  }

  /**
   * Asks the server for the disk's present state, which its fields then tell. Repeated on a lost connection.
   *
   * @throws {@link NotFoundError} when it was destroyed.
   */
  async refresh(call?: CallOptions): Promise<this> {
    this.#update(await find(this.#client, this.name, ({ id }) => id === this.id, call));
    return this;
  }

  #detached(from: string, ...instead: DiskAttachment[]): void {
    const others = this.attachments.filter(({ boxId }) => boxId !== from);
    this.#update({ attachments: [...others, ...instead] });
  }

  #named(options?: object): object {
    return { ...options, id: this.id, name: this.name };
  }

  #update(info: Partial<DiskInfo>): void {
    Object.assign(this, info);
  }
}

/** Creates and finds disks: {@link Compute.disk}. */
export class DiskService {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** @internal */
  static of(client: Client): DiskService {
    return new this(client);
  }

  /**
   * Creates a disk. Never sent twice: when the answer is lost, {@link BoxdError.outcomeUnknown} holds, and a
   * {@link DiskService.get} by the name tells.
   *
   * @throws {@link InvalidArgumentError} for a name that is taken or what is no size.
   * @example
   * ```ts
   * const disk = await compute.disk.create("data", { size: "10G" });
   * ```
   */
  async create(name: string, options: CreateDiskOptions, call?: CallOptions): Promise<Disk> {
    const size = String(options.size);
    given({ name, size });
    const made = await this.#client.json<Answer>("createDisk", { name, size }, call);
    return Disk.of(this.#client, toInfo(made));
  }

  /** All disks of the account, each with where it is attached. Repeated on a lost connection. */
  async list(call?: CallOptions): Promise<Disk[]> {
    const all = await this.#client.list<Answer>("disks", {}, call);
    return all.map((disk) => Disk.of(this.#client, toInfo(disk)));
  }

  /**
   * The disk of this name or id. Repeated on a lost connection.
   *
   * @throws {@link NotFoundError} when there is neither.
   */
  async get(nameOrId: string, call?: CallOptions): Promise<Disk> {
    given({ nameOrId });
    const wanted = ({ id, name }: DiskInfo) => id === nameOrId || name === nameOrId;
    return Disk.of(this.#client, await find(this.#client, nameOrId, wanted, call));
  }
}

/** A disk as the core tells it. */
interface Answer extends Omit<DiskInfo, "attachments" | "createdAt"> {
  attachments?: { boxId: string; boxName: string; mountPath: string; mode: string }[];
  createdAtMs?: number;
}

function toInfo({ attachments = [], createdAtMs, ...rest }: Answer): DiskInfo {
  return {
    ...rest,
    attachments: attachments.map(({ mode, ...place }) => ({ ...place, readOnly: mode === "ro" })),
    ...(createdAtMs && { createdAt: new Date(createdAtMs) }),
  };
}

/** The first disk that is wanted. The wire has no call for one disk. */
async function find(client: Client, name: string, wanted: (disk: DiskInfo) => boolean, call?: CallOptions): Promise<DiskInfo> {
  const found = (await client.list<Answer>("disks", {}, call)).map(toInfo).find(wanted);
  if (found) return found;
  throw new NotFoundError(`disk "${name}": there is no disk of this name or id`, { code: "NOT_FOUND", grpcCode: 5 });
}
