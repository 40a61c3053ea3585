import { OPERATION } from "@faultline/shared/accelerator/descriptor.ts";
import { crc32c } from "@faultline/shared/accelerator/crc32c.ts";
import type { AcceleratorEngine } from "@faultline/shared/accelerator/engine.ts";
import { type Ahead, type Blocked, isBlocked, PAGE, type PagedAccess } from "./paged-access.ts";

export interface Job { op: number; source: bigint; destination: bigint; length: bigint; pattern: bigint }
/** "more": another step; `result` is the completion's result field. */
export type OperationStep = "more" | { result: bigint } | { mismatch: bigint } | Blocked;

const toPageEnd = (address: bigint): bigint => PAGE - (address % PAGE);
const least = (...values: bigint[]): bigint => values.reduce((a, b) => (a < b ? a : b));

/** One descriptor's operation as steps of at most a page each. What has been done is kept, so a fault only delays. */
export class Operation {
  readonly #job: Job;
  readonly #engine: AcceleratorEngine;
  #done = 0n;
  #crc = 0;
  #sha: ReturnType<AcceleratorEngine["sha256"]> | undefined;
  readonly #gathered: Uint8Array[] = [];
  /** sha256 and gzip: what is to be written to the destination, once the source was read. */
  #output: Uint8Array | undefined;
  #written = 0;

  constructor(job: Job, engine: AcceleratorEngine) {
    this.#job = job;
    this.#engine = engine;
    if (job.op === OPERATION.sha256) this.#sha = engine.sha256();
  }

  /** Bytes of the source (fill: destination) done. */
  get bytesDone(): bigint {
    return this.#done;
  }

  step(access: PagedAccess): OperationStep {
    const { op, length } = this.#job;
    if (op === OPERATION.nop) return { result: 0n };
    if (this.#done < length) return this.#chunk(access);
    if (op === OPERATION.crc32c) return { result: BigInt(this.#crc) };
    if (op === OPERATION.sha256) this.#output ??= this.#sha?.digest();
    if (op === OPERATION.gzip) this.#output ??= this.#engine.gzip(joined(this.#gathered));
    return this.#output ? this.#writeOutput(access, this.#output) : { result: op === OPERATION.compare ? 0n : length };
  }

  #chunk(access: PagedAccess): OperationStep {
    const { op, source, destination, length, pattern } = this.#job;
    const from = source + this.#done;
    const to = destination + this.#done;
    const left = length - this.#done;
    const writes = op === OPERATION.copy || op === OPERATION.fill;
    const reads = op !== OPERATION.fill;
    const both = op === OPERATION.compare;
    const size = Number(least(left, reads ? toPageEnd(from) : left, writes || both ? toPageEnd(to) : left));
    const ahead: Ahead = [
      ...(reads ? [{ address: from, length: left, write: false }] : []),
      ...(writes || both ? [{ address: to, length: left, write: writes }] : []),
    ];
    if (op === OPERATION.fill) {
      const written = access.write(to, filled(pattern, this.#done, size), ahead);
      return isBlocked(written) ? written : this.#advance(size);
    }
    if (writes) {
      const ready = access.prepareWrite(to, ahead);
      if (isBlocked(ready)) return ready;
    }
    const data = access.read(from, size, ahead);
    if (isBlocked(data)) return data;
    switch (op) {
      case OPERATION.copy: {
        const written = access.write(to, data, ahead);
        return isBlocked(written) ? written : this.#advance(size);
      }
      case OPERATION.compare: {
        const other = access.read(to, size, ahead);
        if (isBlocked(other)) return other;
        const differs = data.findIndex((byte, i) => byte !== other[i]);
        return differs < 0 ? this.#advance(size) : { mismatch: this.#done + BigInt(differs) };
      }
      case OPERATION.crc32c:
        this.#crc = crc32c(data, this.#crc);
        return this.#advance(size);
      case OPERATION.sha256:
        this.#sha?.update(data);
        return this.#advance(size);
      default:
        this.#gathered.push(data);
        return this.#advance(size);
    }
  }

  #advance(size: number): "more" {
    this.#done += BigInt(size);
    return "more";
  }

  #writeOutput(access: PagedAccess, output: Uint8Array): OperationStep {
    if (this.#written === output.length) return { result: BigInt(output.length) };
    const to = this.#job.destination + BigInt(this.#written);
    const left = output.length - this.#written;
    const size = Math.min(left, Number(toPageEnd(to)));
    const written = access.write(to, output.subarray(this.#written, this.#written + size), [{ address: to, length: BigInt(left), write: true }]);
    if (isBlocked(written)) return written;
    this.#written += size;
    return "more";
  }
}

/** The 8-byte pattern repeated from the start of the destination. */
function filled(pattern: bigint, offset: bigint, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = Number((pattern >> ((8n * (offset + BigInt(i))) % 64n)) & 0xffn);
  return bytes;
}

function joined(parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
