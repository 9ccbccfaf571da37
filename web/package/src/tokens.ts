import { dates, given, wholeSeconds } from "./check.js";
import type { Client } from "./client.js";
import { keep, kept } from "./secret.js";
import type { CallOptions } from "./types.js";

/**
 * A token just issued. `console.log` and `JSON.stringify` do not show it: take it from {@link Token.token}.
 */
export class Token {
  /** When it stops working, to the second. */
  readonly expiresAt: Date;

  private constructor(token: string, expiresAt: Date) {
    this.expiresAt = expiresAt;
    keep(this, token);
  }

  /** @internal */
  static of({ token, expiresAt }: { token: string; expiresAt: Date }): Token {
    return new this(token, expiresAt);
  }

  /** The token itself, `"eyJ…"`. Keep it: no call tells it again. */
  get token(): string {
    return kept(this);
  }
}

/** What is known of a token that was issued before. */
export interface TokenInfo {
  /** Its id, by which it is revoked: the token's `jti` claim. */
  readonly jti: string;
  /** When it was issued, to the second. */
  readonly createdAt: Date;
  /** When it stops working, to the second. */
  readonly expiresAt: Date;
}

/** What {@link TokenService.create} takes. */
export interface CreateTokenOptions {
  /** How long it lives, in whole seconds. Default, and 0: what the server chooses. */
  readonly expiresInSecs?: number | undefined;
}

/** Issues, lists and revokes tokens for delegated access: {@link Compute.token}. */
export class TokenService {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** @internal */
  static of(client: Client): TokenService {
    return new this(client);
  }

  /**
   * Issues a token with the caller's rights. It is shown this once. Never sent twice.
   *
   * @example
   * ```ts
   * const { token } = await compute.token.create({ expiresInSecs: 3600 });
   * const delegate = new Compute({ token });
   * ```
   */
  async create(options: CreateTokenOptions = {}, call?: CallOptions): Promise<Token> {
    const expiresInSecs = wholeSeconds(options.expiresInSecs ?? 0);
    return Token.of(await this.#client.json("createToken", { expiresInSecs }, call, dates));
  }

  /** What is known of the account's tokens, without the tokens themselves. Repeated on a lost connection. */
  list(call?: CallOptions): Promise<TokenInfo[]> {
    return this.#client.list("tokens", {}, call, dates);
  }

  /**
   * Makes a token invalid, by its id. Calls with it fail from then on with {@link AuthenticationError}. Never sent twice.
   *
   * @throws {@link NotFoundError} for an id that is not there.
   */
  async revoke(jti: string, call?: CallOptions): Promise<void> {
    given({ jti });
    await this.#client.json("revokeToken", { id: jti }, call);
  }
}
