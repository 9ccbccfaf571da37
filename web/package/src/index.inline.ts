// Where no file can be relied on: the .wasm travels in the code.
import wasm from "./boxd.wasm.base64.js";
import { setLocation } from "./load.js";

setLocation(() => Uint8Array.from(atob(wasm), (letter) => letter.charCodeAt(0)));

export * from "./api.js";
