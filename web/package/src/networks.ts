import type { Client } from "./client.js";
import type { CallOptions } from "./types.js";

/** A network that boxes join. */
export interface Network {
  /** The id, for good. */
  readonly id: string;
  /** Its range of addresses. From list. */
  readonly subnet?: string;
  /** Its state, in the server's words. From list. */
  readonly status?: string;
}

/** What {@link NetworkService.create} takes. */
export interface CreateNetworkOptions {
  /** The network's name. Default: none. */
  readonly name?: string | undefined;
}

/**
 * Creates and lists networks: {@link Compute.network}.
 *
 * Every account has a default network: {@link Identity.defaultNetworkId}.
 */
export class NetworkService {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** @internal */
  static of(client: Client): NetworkService {
    return new this(client);
  }

  /**
   * Creates a network, whose id the server assigns. Never sent twice.
   *
   * @throws {@link InvalidArgumentError} for a name that is taken.
   */
  create(options: CreateNetworkOptions = {}, call?: CallOptions): Promise<Network> {
    return this.#client.json("createNetwork", options, call);
  }

  /** All networks of the account. Repeated on a lost connection. */
  list(call?: CallOptions): Promise<Network[]> {
    return this.#client.list("networks", {}, call);
  }
}
