/** Writes protobuf wire format: varints, fixed64 and length-delimited fields. Only what a Perfetto trace needs. */
export class ProtobufMessage {
  readonly #bytes: number[] = [];

  /** A field of type uint64, int64 (a safe integer, not negative), enum or bool. */
  varint(field: number, value: number): this {
    this.#varint(field * 8);
    this.#varint(value);
    return this;
  }

  /** A field of type fixed64; the value is a safe integer. */
  fixed64(field: number, value: number): this {
    this.#varint(field * 8 + 1);
    for (let i = 0, rest = value; i < 8; i++, rest = Math.floor(rest / 256)) this.#bytes.push(rest % 256);
    return this;
  }

  string(field: number, text: string): this {
    return this.#delimited(field, new TextEncoder().encode(text));
  }

  message(field: number, message: ProtobufMessage): this {
    return this.#delimited(field, message.#bytes);
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  #delimited(field: number, bytes: ArrayLike<number>): this {
    this.#varint(field * 8 + 2);
    this.#varint(bytes.length);
    for (let i = 0; i < bytes.length; i++) this.#bytes.push(bytes[i]);
    return this;
  }

  #varint(value: number): void {
    let rest = value;
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) this.#bytes.push((rest % 128) | 0x80);
    this.#bytes.push(rest);
  }
}
