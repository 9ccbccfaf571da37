import { InvalidArgumentError } from "./errors.js";

/** Refuses arguments that are missing or empty. */
export function given(texts: Record<string, string>): void {
  for (const [argument, text] of Object.entries(texts)) if (!text) throw invalid(argument, "is empty");
}

/** Refuses what is no path. */
export function checkPath(argument: string, path: string): void {
  given({ [argument]: path });
  if (path.includes("\0")) throw invalid(argument, "holds a NUL byte");
}

/** Refuses what is no port. */
export function checkPort(port: number, least = 0): void {
  if (!(Number.isInteger(port) && port >= least && port < 65_536)) {
    throw invalid("port", `is not a whole number from ${least} to 65535`);
  }
}

/** Whole seconds, rounded up: a short time is not to become 0, which means something else on the wire. */
export function wholeSeconds(secs: number): number {
  return Math.ceil(secs);
}

/** What the wire has 32 bits for: rounded up, and refused where it cannot be. */
export function whole32(argument: string, number: number | undefined): number | undefined {
  if (number === undefined) return undefined;
  if (!(typeof number === "number" && number >= 0)) throw invalid(argument, "is not a number from 0");
  return Math.min(wholeSeconds(number), 0xffff_ffff);
}

/** For `JSON.parse`: Unix seconds, as in `createdAt`, become dates. */
export function dates(key: string, value: unknown): unknown {
  return typeof value === "number" && key.endsWith("At") ? new Date(value * 1000) : value;
}

/** The error of an argument that cannot be right. */
export function invalid(argument: string, why: string): InvalidArgumentError {
  return new InvalidArgumentError(`${argument}: ${why}`, { code: "INVALID_ARGUMENT" });
}
