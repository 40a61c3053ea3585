import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { Field, Malformed } from "./field.ts";
import { errorPosition } from "./json-position.ts";

/** RFC 1952, 2.3.1. */
const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/** Reads a JSON file, gzip or not. Throws `Malformed`: what cannot be read, unpacked or parsed is named by its place. */
export function readDocument(path: string): Field {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new Malformed("file", `cannot be read (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`);
  }
  return parseDocument(bytes);
}

export function parseDocument(bytes: Buffer): Field {
  let unpacked = bytes;
  if (isGzip(bytes)) {
    try {
      unpacked = gunzipSync(bytes);
    } catch (error) {
      throw new Malformed("gzip", (error as Error).message);
    }
  }
  return new Field(parse(textOf(unpacked)));
}

function textOf(bytes: Buffer): string {
  try {
    return bytes.toString("utf8").replace(/^\ufeff/, "");
  } catch {
    // A string of this engine has less than 512 Mi characters: about 380 MB of memory in base64.
    throw new Malformed("file", `has ${bytes.length} bytes of JSON, the most is ${2 ** 29 - 25}`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const { line, column } = errorPosition(text);
    throw new Malformed(`line ${line} column ${column}`, `is no JSON (${(error as Error).message.replaceAll(/\s+/g, " ").slice(0, 120)})`);
  }
}
