import type { Content } from "./types.js";

/** Up to here content is handed over whole; more is read piece by piece from where the host keeps it. */
const WHOLE = 256 * 1024;

/** What is to be written, as the core takes it. The size of a file goes out first, so a stream is gathered. */
export async function toBody(content: Content): Promise<Uint8Array | Blob> {
  if (content instanceof ReadableStream) return new Response(content as BodyInit).blob();
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  if (bytes instanceof Blob) return bytes;
  return bytes.byteLength > WHOLE ? new Blob([bytes as BlobPart]) : view(bytes);
}

/** A command's input, which goes out in one piece. */
export async function toBytes(content: Content): Promise<Uint8Array> {
  if (typeof content === "string") return new TextEncoder().encode(content);
  if (content instanceof Uint8Array || content instanceof ArrayBuffer) return view(content);
  return new Uint8Array(await new Response(content as BodyInit).arrayBuffer());
}

function view(bytes: Uint8Array | ArrayBuffer): Uint8Array {
  return bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
}
