// For pages behind a bundler, and for pages without one: the .wasm is a file beside this one.
import { setLocation } from "./load.js";

// Bundlers look for exactly this form.
setLocation(() => new URL("./boxd.wasm", import.meta.url));

export * from "./api.js";
