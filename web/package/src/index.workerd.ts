// For Cloudflare's runtime, which compiles modules when it starts and never later.
import wasm from "./boxd.wasm";
import { setLocation } from "./load.js";

setLocation(() => wasm);

export * from "./api.js";
