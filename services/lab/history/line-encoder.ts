import type { TraceEvent, TraceValue } from "@faultline/shared/trace/tracer.ts";

type Members = Readonly<Record<string, TraceValue>>;
const encoder = new TextEncoder();
const ascii = (text: string): Uint8Array => encoder.encode(text);
const [NULL, TRUE, FALSE] = ["null", "true", "false"].map(ascii);
const [QUOTE, BACKSLASH, COMMA, OPEN, CLOSE, OPEN_LIST, CLOSE_LIST, NEWLINE, ZERO] = ascii('"\\,{}[]\n0');
const [N, T, LAMPORT, WHO, KIND, IDS, FIELDS, CAUSE] = ['{"n":', ',"t":', ',"lamport":', ',"who":', ',"kind":', ',"ids":', ',"fields":', ',"cause":'].map(ascii);
/** Integers below its square are written here. */
const BILLION = 1e9;
/** More than any name, number or word takes; a string makes room for itself. */
const ROOM = 1024;

/**
 * Events as lines of JSON, exactly the bytes of `JSON.stringify`, in one buffer that grows: a history is hashed and written as it is, without a string for every line.
 * What needs an escape, or is no integer, is left to `JSON.stringify`.
 */
export class LineEncoder {
  #bytes: Uint8Array;
  #at = 0;
  /** Names of members as they stand in a line, with their quotes and colon. */
  readonly #names = new Map<string, Uint8Array>();

  /** `capacity`: bytes to begin with. */
  constructor(capacity = 2 ** 16) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** Everything written so far. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  line(text: string): void {
    this.#at = this.#byte(this.#text(this.#at, text), NEWLINE);
  }

  /** One event as its line, keys in a fixed order. */
  event({ n, t, lamport, who, kind, ids, fields, cause }: TraceEvent): void {
    let at = this.#number(this.#copy(this.#at, N), n);
    at = this.#number(this.#copy(at, T), t);
    at = this.#number(this.#copy(at, LAMPORT), lamport);
    at = this.#string(this.#copy(at, WHO), who);
    at = this.#string(this.#copy(at, KIND), kind);
    at = this.#members(this.#copy(at, IDS), ids as Members);
    at = this.#members(this.#copy(at, FIELDS), fields);
    at = this.#value(this.#copy(at, CAUSE), cause);
    this.#at = this.#byte(this.#byte(at, CLOSE), NEWLINE);
  }

  // Each of these writes from `at` on and returns where it ended.

  #members(start: number, members: Members): number {
    let at = this.#byte(start, OPEN);
    let first = true;
    for (const name in members) {
      const value = members[name];
      if (value === undefined) continue;
      if (!first) at = this.#byte(at, COMMA);
      first = false;
      at = this.#value(this.#copy(at, this.#names.get(name) ?? this.#name(name)), value);
    }
    return this.#byte(at, CLOSE);
  }

  #name(name: string): Uint8Array {
    const bytes = ascii(`${JSON.stringify(name)}:`);
    this.#names.set(name, bytes);
    return bytes;
  }

  #value(at: number, value: TraceValue): number {
    if (typeof value === "string") return this.#string(at, value);
    if (typeof value === "number") return this.#number(at, value);
    if (typeof value === "boolean") return this.#copy(at, value ? TRUE : FALSE);
    if (Array.isArray(value)) return this.#list(at, value);
    return value === null || value === undefined ? this.#copy(at, NULL) : this.#text(at, JSON.stringify(value)); // no trace value, but what a file may hold
  }

  #list(start: number, values: readonly TraceValue[]): number {
    let at = this.#byte(start, OPEN_LIST);
    for (let i = 0; i < values.length; i++) at = this.#value(i > 0 ? this.#byte(at, COMMA) : at, values[i]);
    return this.#byte(at, CLOSE_LIST);
  }

  #number(at: number, value: number): number {
    if (!(value >= 0 && Number.isSafeInteger(value))) return this.#text(at, JSON.stringify(value));
    if (value < BILLION) return this.#digits(at, value, 1);
    const high = Math.floor(value / BILLION);
    return this.#digits(this.#digits(at, high, 1), value - high * BILLION, 9);
  }

  /** A number below 10^9, with at least so many digits. */
  #digits(at: number, value: number, atLeast: number): number {
    const bytes = this.#reserve(at, ROOM);
    let count = atLeast;
    for (let bound = 10 ** count; count < 9 && value >= bound; bound *= 10) count++;
    let left = value | 0;
    for (let i = at + count - 1; i >= at; i--) {
      const rest = (left / 10) | 0;
      bytes[i] = ZERO + left - rest * 10;
      left = rest;
    }
    return at + count;
  }

  #string(start: number, text: string): number {
    const { length } = text;
    const bytes = this.#reserve(start, length + 2);
    let at = start;
    bytes[at++] = QUOTE;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code < 0x20 || code > 0x7e || code === QUOTE || code === BACKSLASH) return this.#text(start, JSON.stringify(text)); // over what is there so far
      bytes[at++] = code;
    }
    bytes[at++] = QUOTE;
    return at;
  }

  /** JSON as it is. */
  #text(at: number, text: string): number {
    const { length } = text;
    const bytes = this.#reserve(at, length);
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7e) return this.#encoded(at, text);
      bytes[at + i] = code;
    }
    return at + length;
  }

  #encoded(at: number, text: string): number {
    const added = encoder.encode(text);
    this.#reserve(at, added.length).set(added, at);
    return at + added.length;
  }

  #copy(at: number, added: Uint8Array): number {
    const { length } = added;
    const bytes = this.#reserve(at, length);
    for (let i = 0; i < length; i++) bytes[at + i] = added[i]; // so few that a call costs more
    return at + length;
  }

  #byte(at: number, byte: number): number {
    this.#reserve(at, 1)[at] = byte;
    return at + 1;
  }

  /** The buffer, with room for so many bytes from `at` on. */
  #reserve(at: number, count: number): Uint8Array {
    if (at + count <= this.#bytes.length) return this.#bytes;
    const larger = new Uint8Array(2 * Math.max(this.#bytes.length, count));
    larger.set(this.#bytes);
    this.#bytes = larger;
    return larger;
  }
}
