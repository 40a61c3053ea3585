import { COMPLETION_STATUS } from "@faultline/shared/accelerator/completion.ts";
import { crc32c } from "@faultline/shared/accelerator/crc32c.ts";
import { OPERATION } from "@faultline/shared/accelerator/descriptor.ts";
import type { AcceleratorEngine } from "@faultline/shared/accelerator/engine.ts";
import { type Failure, isFailure, type PagedAccess, type Range, rangeOf, toPageEnd } from "./paged-access.ts";
import type { Work } from "./work.ts";

export interface Job {
  op: number;
  source: bigint;
  destination: bigint;
  length: bigint;
  pattern: bigint;
}
/** What goes into the completion. */
export interface JobResult {
  status: number;
  bytesDone: bigint;
  result: bigint;
  faultAddress: bigint;
}

/** One descriptor's operation, at most a page with each access. What was done before a fault is kept: a fault only delays. */
export class Operation {
  readonly #job: Job;
  readonly #access: PagedAccess;
  readonly #engine: AcceleratorEngine;
  #done = 0n;

  constructor(job: Job, access: PagedAccess, engine: AcceleratorEngine) {
    this.#job = job;
    this.#access = access;
    this.#engine = engine;
  }

  *run(): Work<JobResult> {
    switch (this.#job.op) {
      case OPERATION.copy:
        return yield* this.#copy();
      case OPERATION.fill:
        return yield* this.#fill();
      case OPERATION.compare:
        return yield* this.#compare();
      case OPERATION.crc32c: {
        let crc = 0;
        const failure = yield* this.#readAll((data) => {
          crc = crc32c(data, crc);
        });
        return failure ? this.#failed(failure) : this.#success(BigInt(crc));
      }
      case OPERATION.sha256: {
        const sha = this.#engine.sha256();
        const failure = yield* this.#readAll((data) => sha.update(data));
        return failure ? this.#failed(failure) : yield* this.#writeOutput(sha.digest());
      }
      case OPERATION.gzip: {
        const parts: Uint8Array[] = [];
        const failure = yield* this.#readAll((data) => parts.push(data.slice()));
        return failure ? this.#failed(failure) : yield* this.#writeOutput(this.#engine.gzip(joined(parts)));
      }
      default:
        return this.#success(0n); // nop
    }
  }

  #success(result: bigint): JobResult {
    return { status: COMPLETION_STATUS.SUCCESS, bytesDone: this.#done, result, faultAddress: 0n };
  }
  #failed({ status, address }: Failure): JobResult {
    return { status, bytesDone: this.#done, result: 0n, faultAddress: address };
  }
  get #from(): bigint {
    return this.#job.source + this.#done;
  }
  get #to(): bigint {
    return this.#job.destination + this.#done;
  }
  /** What is left of source and destination. */
  #ahead(writeDestination: boolean): Range[] {
    const left = this.#job.length - this.#done;
    return [rangeOf(this.#from, left, false), rangeOf(this.#to, left, writeDestination)];
  }
  /** As much as lies in one page of each address. */
  #chunk(one: bigint, other = one): number {
    return Math.min(Number(this.#job.length - this.#done), toPageEnd(one), toPageEnd(other));
  }

  *#copy(): Work<JobResult> {
    while (this.#done < this.#job.length) {
      const data = yield* this.#access.read(this.#from, this.#chunk(this.#from, this.#to), this.#ahead(true));
      if (isFailure(data)) return this.#failed(data);
      const failure = yield* this.#access.write(this.#to, data, this.#ahead(true));
      if (failure) return this.#failed(failure);
      this.#done += BigInt(data.length);
    }
    return this.#success(this.#done);
  }

  *#fill(): Work<JobResult> {
    const { destination, length, pattern } = this.#job;
    while (this.#done < length) {
      const data = filled(pattern, this.#done, this.#chunk(this.#to));
      const failure = yield* this.#access.write(this.#to, data, [rangeOf(this.#to, destination + length - this.#to, true)]);
      if (failure) return this.#failed(failure);
      this.#done += BigInt(data.length);
    }
    return this.#success(length);
  }

  *#compare(): Work<JobResult> {
    while (this.#done < this.#job.length) {
      const chunk = this.#chunk(this.#from, this.#to);
      const read = yield* this.#access.read(this.#from, chunk, this.#ahead(false));
      if (isFailure(read)) return this.#failed(read);
      const one = read.slice();
      const other = yield* this.#access.read(this.#to, chunk, this.#ahead(false));
      if (isFailure(other)) return this.#failed(other);
      const differs = one.findIndex((byte, i) => byte !== other[i]);
      if (differs >= 0) {
        this.#done += BigInt(differs);
        return { status: COMPLETION_STATUS.MISMATCH, bytesDone: this.#done, result: this.#done, faultAddress: 0n };
      }
      this.#done += BigInt(chunk);
    }
    return this.#success(this.#job.length);
  }

  *#readAll(take: (data: Uint8Array) => void): Work<Failure | null> {
    while (this.#done < this.#job.length) {
      const from = this.#from;
      const data = yield* this.#access.read(from, this.#chunk(from), [rangeOf(from, this.#job.length - this.#done, false)]);
      if (isFailure(data)) return data;
      take(data);
      this.#done += BigInt(data.length);
    }
    return null;
  }

  /** `result` is the length written; `bytesDone` stays with the source. */
  *#writeOutput(output: Uint8Array): Work<JobResult> {
    const { destination } = this.#job;
    let done = 0;
    const ahead = [rangeOf(destination, BigInt(output.length), true)];
    const failure = yield* this.#access.write(destination, output, ahead, (bytes) => {
      done += bytes;
      ahead[0] = rangeOf(destination + BigInt(done), BigInt(output.length - done), true);
    });
    return failure ? this.#failed(failure) : this.#success(BigInt(output.length));
  }
}

/** The 8-byte pattern, repeated from the start of the destination. */
function filled(pattern: bigint, offset: bigint, size: number): Uint8Array {
  const word = Uint8Array.from({ length: 8 }, (_, i) => Number((pattern >> BigInt(8 * i)) & 0xffn));
  const phase = Number(offset % 8n);
  return Uint8Array.from({ length: size }, (_, i) => word[(phase + i) % 8]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
