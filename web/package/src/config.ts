import type { BoxConfig } from "./types.js";

/** A configuration as the core reads it. */
export function toCore({ memory = "", disk = "", env = {}, ...rest }: BoxConfig): object {
  return { ...rest, memory: String(memory), disk: String(disk), env: Object.entries(env).flat() };
}
