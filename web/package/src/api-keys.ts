import { dates, given, wholeSeconds } from "./check.js";
import type { Client } from "./client.js";
import { keep, kept } from "./secret.js";
import type { CallOptions } from "./types.js";

/** An API key just issued. `console.log` and `JSON.stringify` do not show it: take it from {@link ApiKey.key}. */
export class ApiKey {
  /** Its id, by which it is deleted. */
  readonly id: string;
  /** When it stops working, to the second; left out is never. */
  declare readonly expiresAt?: Date;

  private constructor({ id, key, expiresAt }: Issued) {
    this.id = id;
    if (expiresAt) this.expiresAt = expiresAt;
    keep(this, key);
  }

  /** @internal */
  static of(issued: Issued): ApiKey {
    return new this(issued);
  }

  /** The key itself, `"bxk_…"`. Keep it: no call tells it again. */
  get key(): string {
    return kept(this);
  }
}

interface Issued {
  id: string;
  key: string;
  expiresAt?: Date;
}

/** What is known of an API key that was issued before. */
export interface ApiKeyInfo {
  /** Its id, by which it is deleted. */
  readonly id: string;
  /** Its name, for people. */
  readonly name: string;
  /** The key's first characters, by which people tell keys apart. */
  readonly keyPrefix: string;
  /** When it was issued, to the second. */
  readonly createdAt: Date;
  /** When it was last exchanged for a token, to the second; left out is never. */
  readonly lastUsedAt?: Date;
  /** When it stops working, to the second; left out is never. */
  readonly expiresAt?: Date;
  /** The organization that it is for; empty where the server does not tell. */
  readonly org: string;
  /** Its kind, in the server's words; empty where it does not tell. */
  readonly kind: string;
  /** Who made it; empty where the server does not tell. */
  readonly createdBy: string;
  /** Whether the caller made it. */
  readonly mine: boolean;
}

/** What {@link ApiKeyService.create} takes. */
export interface CreateApiKeyOptions {
  /** The key's name, for people. */
  readonly name: string;
  /** How long it lives, in whole seconds. Default, and 0: for good. */
  readonly expiresInSecs?: number | undefined;
  /** The organization that it is for. Default: what the server chooses. */
  readonly org?: string | undefined;
  /** Its kind, in the server's words. Default: what the server chooses. */
  readonly kind?: string | undefined;
}

/** Issues, lists and deletes API keys: {@link Compute.apiKey}. */
export class ApiKeyService {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** @internal */
  static of(client: Client): ApiKeyService {
    return new this(client);
  }

  /**
   * Issues an API key. It is shown this once. Never sent twice.
   *
   * @example
   * ```ts
   * const issued = await compute.apiKey.create({ name: "ci" });
   * const other = new Compute({ apiKey: issued.key });
   * ```
   */
  async create(options: CreateApiKeyOptions, call?: CallOptions): Promise<ApiKey> {
    given({ name: options.name });
    const wanted = { ...options, expiresInSecs: wholeSeconds(options.expiresInSecs ?? 0) };
    return ApiKey.of(await this.#client.json("createApiKey", wanted, call, dates));
  }

  /** What is known of the account's keys, without the keys themselves. Repeated on a lost connection. */
  list(call?: CallOptions): Promise<ApiKeyInfo[]> {
    return this.#client.list("apiKeys", {}, call, dates);
  }

  /**
   * Makes a key invalid, by its id. Never sent twice.
   *
   * @throws {@link NotFoundError} for an id that is not there.
   */
  async delete(id: string, call?: CallOptions): Promise<void> {
    given({ id });
    await this.#client.json("deleteApiKey", { id }, call);
  }
}
