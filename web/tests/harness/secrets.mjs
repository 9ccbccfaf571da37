// Looks for secrets in whatever a program has left behind.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** The forms in which a secret may lie there: as text of either width, as hex, as base64 wherever it begins in it. */
function forms(secret) {
  const bytes = Buffer.from(secret);
  const base64 = [0, 2, 3].flatMap((before, shift) => {
    const whole = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64url");
    const text = whole.slice(before, (shift + bytes.length) % 3 ? -1 : undefined);
    return [text, text.replaceAll("-", "+").replaceAll("_", "/")];
  });
  return [bytes, Buffer.from(secret, "utf16le"), ...[bytes.toString("hex"), ...base64].map((text) => Buffer.from(text))];
}

/**
 * A function that answers the first of `secrets` that a text, or bytes, hold in any form. One pass, however many they are: some of
 * what is searched is hundreds of megabytes.
 */
export function searcher(secrets) {
  const byStart = new Map();
  const begins = new Uint8Array(2 ** 16);
  for (const secret of secrets) {
    for (const form of forms(secret)) {
      const start = form.readUInt32LE();
      byStart.set(start, [...(byStart.get(start) ?? []), { secret, form }]);
      begins[form.readUInt16LE()] = 1;
    }
  }
  return (text) => {
    const bytes = Buffer.isBuffer(text) ? text : Buffer.from(text);
    for (let at = 0; at + 4 <= bytes.length; at++) {
      if (begins[bytes[at] | (bytes[at + 1] << 8)] === 0) continue;
      const found = byStart.get(bytes.readUInt32LE(at))?.find(({ form }) => bytes.subarray(at, at + form.length).equals(form));
      if (found) return found.secret;
    }
    return undefined;
  };
}

/** The content of all files below a folder, one after the other, with their paths. What goes away meanwhile is left out. */
export async function allFiles(folder) {
  const pieces = [];
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath ?? entry.path, entry.name);
    const content = await readFile(path).catch(() => undefined);
    if (content) pieces.push(Buffer.from(`\n${path}\n`), content);
  }
  return Buffer.concat(pieces);
}

/**
 * Chromium's network log, made with `--net-log-capture-mode=IncludeSensitive`: every URL that was asked for, by pages, workers and
 * WebSockets, the tokens that went out in a header, and the log without these headers.
 */
export async function networkLog(path) {
  const text = await readFile(path, "utf8");
  const urls = new Set(Array.from(text.matchAll(/"url":"([^"]+)"/g), ([, url]) => url));
  const header = /authorization: Bearer ([\w.-]+)/gi;
  const tokens = new Set(Array.from(text.matchAll(header), ([, token]) => token));
  return { urls: [...urls], tokens: [...tokens], rest: text.replaceAll(header, "") };
}
