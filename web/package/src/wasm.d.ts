// What the build puts beside the entry points.
declare module "*/boxd.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
declare module "*/boxd.wasm.base64.js" {
  const text: string;
  export default text;
}
