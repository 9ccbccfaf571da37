import type { Box } from "./box.js";
import { given } from "./check.js";
import type { Client } from "./client.js";
import { BoxdError } from "./errors.js";
import type { CallOptions } from "./types.js";

/** A domain that leads to a box. */
export interface Domain {
  /** The domain, `"app.example.com"`. */
  readonly domain: string;
  /** The id of the box that it leads to. */
  readonly boxId: string;
  /** The name of that box; empty where the server does not tell. */
  readonly boxName: string;
  /** Whether it works, in the server's words; empty where it does not tell. */
  readonly status: string;
  /** Why it does not work; empty without an error. */
  readonly lastError: string;
}

/** Binds external domains to boxes: {@link Compute.domain}. */
export class DomainService {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** @internal */
  static of(client: Client): DomainService {
    return new this(client);
  }

  /**
   * Routes requests for a domain to a box, given by itself, its name or its id. The domain's DNS must already point at the
   * cluster's proxy. Never sent twice.
   *
   * @throws {@link NotFoundError} for a box that is not there; {@link InvalidArgumentError} for what is no domain or is bound
   * already.
   * @example
   * ```ts
   * await compute.domain.bind("app.example.com", "my-vm");
   * ```
   */
  async bind(domain: string, box: Box | string, call?: CallOptions): Promise<void> {
    given({ domain });
    const { id } = await this.#client.locate(box, call);
    await this.#either("bindDomain", "addDomain", { name: domain, box: id }, call);
  }

  /** All bound domains of the account. Repeated on a lost connection. */
  async list(call?: CallOptions): Promise<Domain[]> {
    const { all } = await this.#either<{ all: Partial<Domain>[] }>("domains", "customDomains", {}, call);
    return all.map((domain) => ({ domain: "", boxId: "", boxName: "", status: "", lastError: "", ...domain }));
  }

  /**
   * Ends the routing of a domain. Never sent twice.
   *
   * @throws {@link NotFoundError} when it is not bound.
   */
  async unbind(domain: string, call?: CallOptions): Promise<void> {
    given({ domain });
    await this.#either("unbindDomain", "removeDomain", { name: domain }, call);
  }

  /** Newer servers have these calls under other names. */
  async #either<T>(older: string, newer: string, options: object, call?: CallOptions): Promise<T> {
    try {
      return await this.#client.json<T>(older, options, call);
    } catch (error) {
      if (!(error instanceof BoxdError && error.code === "UNIMPLEMENTED")) throw error;
      return this.#client.json(newer, options, call);
    }
  }
}
