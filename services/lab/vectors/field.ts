/** What is wrong with a file, and where in it: `vectors[3].steps[2].addr`, or a line and column. */
export class Malformed extends Error {
  readonly place: string;

  constructor(place: string, what: string) {
    super(`${place}: ${what}`);
    this.place = place;
  }
}

/** A value of a JSON document that knows its place. Each reader returns a value of its kind or throws `Malformed`. */
export class Field {
  readonly value: unknown;
  readonly #parent: Field | null;
  readonly #key: string | number;

  constructor(value: unknown, parent: Field | null = null, key: string | number = "") {
    this.value = value;
    this.#parent = parent;
    this.#key = key;
  }

  get place(): string {
    if (!this.#parent) return "document";
    const above = this.#parent.#parent ? this.#parent.place : "";
    if (typeof this.#key === "number") return `${above}[${this.#key}]`;
    return /^\w+$/.test(this.#key) ? `${above}${above ? "." : ""}${this.#key}` : `${above}[${JSON.stringify(this.#key)}]`;
  }

  refuse(what: string): never {
    throw new Malformed(this.place, what);
  }
  #expected(kind: string): never {
    const text = JSON.stringify(this.value);
    this.refuse(text === undefined ? "is missing" : `must be ${kind}, got ${text.length > 60 ? `${text.slice(0, 57)}...` : text}`);
  }

  /** A member of this object; its value is undefined where there is none. */
  at(key: string): Field {
    if (typeof this.value !== "object" || this.value === null || Array.isArray(this.value)) this.#expected("an object");
    return new Field(Object.hasOwn(this.value, key) ? (this.value as Record<string, unknown>)[key] : undefined, this, key);
  }
  /** Null where the object has no such member. */
  optional(key: string): Field | null {
    const field = this.at(key);
    return field.value === undefined ? null : field;
  }
  members(): [string, Field][] {
    if (typeof this.value !== "object" || this.value === null || Array.isArray(this.value)) this.#expected("an object");
    return Object.entries(this.value).map(([key, value]) => [key, new Field(value, this, key)]);
  }
  items(): Field[] {
    if (!Array.isArray(this.value)) this.#expected("an array");
    return this.value.map((value, index) => new Field(value, this, index));
  }

  string(): string {
    return typeof this.value === "string" ? this.value : this.#expected("a string");
  }
  /** Recorded files have 0 and 1 beside false and true. */
  boolean(): boolean {
    const { value } = this;
    return typeof value === "boolean" ? value : value === 0 || value === 1 ? value === 1 : this.#expected("true or false");
  }
  /** A number in [0, 2^bits): a JSON number, or hexadecimal in a string, with or without 0x. */
  integer(bits: number): bigint {
    const { value } = this;
    const number =
      typeof value === "string" && /^(0[xX])?[0-9a-fA-F]{1,32}$/.test(value)
        ? BigInt(/^0[xX]/.test(value) ? value : `0x${value}`)
        : Number.isSafeInteger(value) && (value as number) >= 0
          ? BigInt(value as number)
          : this.#expected("a number, hexadecimal if in a string");
    return number < 1n << BigInt(bits) ? number : this.#expected(`a number of at most ${bits} bits`);
  }
  /** As `integer`, of at most 52 bits: exact as a number. */
  number(bits: number): number {
    return Number(this.integer(bits));
  }
  /** A physical address or a size: exact as a number. */
  address(): number {
    return this.number(52);
  }
  /** Bytes in memory order, two digits each. */
  dump(): Uint8Array {
    const { value } = this;
    if (typeof value !== "string" || value.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(value)) this.#expected("an even number of hexadecimal digits");
    return new Uint8Array(Buffer.from(value, "hex"));
  }
  /** Base64; line breaks and missing padding are allowed. */
  base64(): Uint8Array {
    if (typeof this.value !== "string") this.#expected("base64 in a string");
    return decodeBase64(this.value) ?? decodeBase64(this.value.replace(/\s/g, "")) ?? this.#expected("base64 in a string");
  }
}

/** Null: not base64. The decoder skips what is no digit: then bytes are missing. */
function decodeBase64(text: string): Uint8Array | null {
  const digits = text.length - (text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0);
  const bytes = Buffer.from(text, "base64");
  return digits % 4 === 1 || bytes.length !== Math.floor((digits * 3) / 4) ? null : bytes;
}
