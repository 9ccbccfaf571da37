// Without the .wasm: call `init` with it first.
export * from "./api.js";
