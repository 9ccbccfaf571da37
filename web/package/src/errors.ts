import { ExecOutput } from "./result.js";
import type { OutputCut } from "./types.js";

/**
 * What went wrong, as gRPC names it. One that came about before a call has the code of its class.
 *
 * {@link https://grpc.io/docs/guides/status-codes | What they mean}.
 */
export type ErrorCode =
  | "CANCELLED"
  | "UNKNOWN"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "PERMISSION_DENIED"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "OUT_OF_RANGE"
  | "UNIMPLEMENTED"
  | "INTERNAL"
  | "UNAVAILABLE"
  | "DATA_LOSS"
  | "UNAUTHENTICATED";

/** What an error of the SDK carries beside its message. */
export interface ErrorDetails {
  /** What went wrong, as gRPC names it. */
  readonly code?: ErrorCode;
  /** gRPC's number for it; left out where no call was involved. */
  readonly grpcCode?: number;
  /** Whether the same call may be made again without harm, and may well succeed. */
  readonly retryable?: boolean;
  /** Whether the cluster may have done what was asked all the same: its answer was lost. */
  readonly outcomeUnknown?: boolean;
  /** How long the server asks to wait before the next try. */
  readonly retryAfterMs?: number;
  /** What a command had written before its call failed. */
  readonly output?: ExecOutput;
  /** What the error came from. */
  readonly cause?: unknown;
}

/** Shared by every copy of this package in a program, so that an error of one is known to another. */
const BRAND = Symbol.for("boxd.BoxdError");

/**
 * The base class of every error that the SDK itself raises.
 *
 * A call that the caller aborts is rejected with the signal's own reason instead.
 *
 * @example
 * ```ts
 * try {
 *   await compute.box.get("nope");
 * } catch (error) {
 *   if (!(error instanceof NotFoundError)) throw error;
 * }
 * ```
 */
export class BoxdError extends Error {
  /** What went wrong, as gRPC names it. */
  readonly code: ErrorCode;
  /** gRPC's number for it; `undefined` where no call was involved. */
  readonly grpcCode: number | undefined;
  /** Whether the same call may be made again without harm, and may well succeed. */
  readonly retryable: boolean;
  /** Whether the cluster may have done what was asked all the same: its answer was lost. */
  readonly outcomeUnknown: boolean;
  /** How long the server asks to wait before the next try. */
  readonly retryAfterMs: number | undefined;
  /** What a command had written before its call failed or timed out. */
  readonly output: ExecOutput | undefined;

  /** Makes an error, in a test for instance. */
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, "cause" in details ? { cause: details.cause } : undefined);
    this.code = details.code ?? "UNKNOWN";
    this.grpcCode = details.grpcCode;
    this.retryable = details.retryable ?? false;
    this.outcomeUnknown = details.outcomeUnknown ?? false;
    this.retryAfterMs = details.retryAfterMs;
    this.output = details.output;
  }

  /**
   * Whether `value` is an error of this class. Unlike `instanceof` it also knows those of another copy of the package
   * (the CommonJS one beside the module, say).
   */
  static is<T extends typeof BoxdError>(this: T, value: unknown): value is InstanceType<T> {
    if (typeof value !== "object" || value === null || !(BRAND in value)) return false;
    return this.prototype.name === "BoxdError" || (value as unknown as Error).name === this.prototype.name;
  }

  static {
    named(this, "BoxdError");
    Object.defineProperty(this.prototype, BRAND, { value: true });
  }
}

/** No credentials, bad ones, or not allowed: `UNAUTHENTICATED`, `PERMISSION_DENIED`. */
export class AuthenticationError extends BoxdError {
  declare readonly name: "AuthenticationError";
  static {
    named(this, "AuthenticationError");
  }
}

/** No such box or file: `NOT_FOUND`. */
export class NotFoundError extends BoxdError {
  declare readonly name: "NotFoundError";
  static {
    named(this, "NotFoundError");
  }
}

/** A quota or a rate limit is used up: `RESOURCE_EXHAUSTED`. */
export class QuotaExceededError extends BoxdError {
  declare readonly name: "QuotaExceededError";
  static {
    named(this, "QuotaExceededError");
  }
}

/** The request cannot be right: `INVALID_ARGUMENT`, `ALREADY_EXISTS`. */
export class InvalidArgumentError extends BoxdError {
  declare readonly name: "InvalidArgumentError";
  static {
    named(this, "InvalidArgumentError");
  }
}

/** Time ran out: `DEADLINE_EXCEEDED`. */
export class TimeoutError extends BoxdError {
  declare readonly name: "TimeoutError";
  static {
    named(this, "TimeoutError");
  }
}

/** The cluster cannot be reached, or the connection broke: `UNAVAILABLE`. */
export class ConnectionError extends BoxdError {
  declare readonly name: "ConnectionError";
  static {
    named(this, "ConnectionError");
  }
}

/** The server failed, or the SDK did: `INTERNAL`, `UNKNOWN`. */
export class InternalError extends BoxdError {
  declare readonly name: "InternalError";
  static {
    named(this, "InternalError");
  }
}

/** A literal: what a minifier makes of the class's own name is of no use. */
function named(type: { prototype: Error }, name: string): void {
  Object.defineProperty(type.prototype, "name", { value: name });
}

const CLASSES: Record<string, typeof BoxdError | undefined> = {
  AuthenticationError,
  NotFoundError,
  QuotaExceededError,
  InvalidArgumentError,
  TimeoutError,
  ConnectionError,
  InternalError,
};

/**
 * What the core rejects with (web/src/failure.rs).
 * @internal
 */
export interface Failure extends Omit<ErrorDetails, "output" | "cause"> {
  class: string;
  message: string;
  cause?: string;
  stdout?: Uint8Array<ArrayBuffer>;
  stderr?: Uint8Array<ArrayBuffer>;
  stdoutCut?: OutputCut;
  stderrCut?: OutputCut;
}

/**
 * The error for what the core rejected with. Anything else, such as an aborted signal's reason, stays as it is.
 * @internal
 */
export function toError(thrown: unknown): unknown {
  const failure = thrown as Failure | null | undefined;
  if (typeof failure !== "object" || failure === null || typeof failure.class !== "string") return thrown;
  const { class: name, message, cause, stdout, stderr, stdoutCut, stderrCut, ...rest } = failure;
  const details: { -readonly [K in keyof ErrorDetails]: ErrorDetails[K] } = rest;
  if (stdout && stderr) details.output = new ExecOutput({ stdout, stderr, stdoutCut, stderrCut });
  if (cause !== undefined) details.cause = new Error(cause);
  return new (CLASSES[name] ?? BoxdError)(message, details);
}
