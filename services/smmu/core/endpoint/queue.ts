import { COMPLETION_STATUS, completion } from "@faultline/shared/accelerator/completion.ts";
import { DESCRIPTOR_FLAG, descriptor, OPERATION } from "@faultline/shared/accelerator/descriptor.ts";
import type { AcceleratorEngine } from "@faultline/shared/accelerator/engine.ts";
import { ACCELERATOR } from "@faultline/shared/accelerator/registers.ts";
import { hex } from "@faultline/shared/codec/uint64.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";
import type { Space } from "./address-translation.ts";
import { type JobResult, Operation } from "./operations.ts";
import { type AccessParts, type Failure, isFailure, PagedAccess } from "./paged-access.ts";
import { QueueRegisters } from "./queue-registers.ts";
import type { Work } from "./work.ts";

/** What a queue needs of its function. */
export interface QueueOwner {
  readonly sid: number;
  readonly index: number;
  readonly engine: AcceleratorEngine;
  readonly tracer: Tracer;
  /** CTRL.ENABLE. */
  enabled(): boolean;
  raise(vector: number): void;
  /** A descriptor ended with `status` because of `address`. */
  failed(status: number, address: bigint): void;
  /** The ring or a completion could not be reached. */
  ringError(): void;
  /** The queue's requests have drained: a Stop Marker, if the function sends them and no other queue uses the PASID. True: one was sent. */
  stopMarker(pasid: number | null): boolean;
}

type Descriptor = ReturnType<typeof descriptor.decode>;
const WRAPS = 1n << 64n;

/** One descriptor ring: fetch, run, complete, interrupt; one descriptor at a time and in order, so a fence asks for nothing more. Each of its accesses can fault. */
export class Queue {
  readonly registers: QueueRegisters;
  readonly #owner: QueueOwner;
  readonly #parts: AccessParts;
  #work: Work<void> | null = null;
  #open = 0;

  constructor(owner: QueueOwner, parts: Omit<AccessParts, "stopping" | "outstanding">) {
    this.#owner = owner;
    this.registers = new QueueRegisters(owner.index, () => this.#abandon());
    this.#parts = {
      ...parts,
      stopping: () => this.registers.stopping,
      outstanding: (change) => {
        this.#open += change;
      },
    };
  }

  /** Enabled and not stopped: it may use its PASID. */
  get inUse(): boolean {
    return this.registers.enabled && !this.registers.halted;
  }

  /** CTRL.RESET and FLR. Groups that are open stay with the page-request interface. */
  reset(): void {
    this.registers.reset();
    this.#abandon();
  }

  /** The work in progress is forgotten; responses to its groups find nobody. */
  #abandon(): void {
    this.#work = null;
  }

  /** One action. False: idle, waiting, or stopped. */
  step(): boolean {
    const { registers } = this;
    if (!this.#work) {
      if (registers.stopping) return this.#stop();
      if (!this.#owner.enabled() || !registers.enabled || registers.halted || registers.head === registers.tail) return false;
      this.#work = this.#descriptor();
    } else if (!this.#owner.enabled() && !registers.stopping) return false;
    const turn = this.#work.next();
    if (!turn.done) return turn.value === "acted";
    this.#work = null;
    return true;
  }

  /** Nothing is in progress: when the last response is in, the Stop Marker, then STOPPED. */
  #stop(): boolean {
    if (this.#open > 0) return false;
    const { registers } = this;
    registers.stopped();
    this.#owner.stopMarker(registers.pasid);
    return true;
  }

  *#descriptor(): Work<void> {
    const { registers } = this;
    const { pasid } = registers;
    const ring = yield* new PagedAccess(this.#parts, { pasid, priv: false }).read(registers.slot, descriptor.sizeBytes, []);
    if (isFailure(ring)) return ring.status === COMPLETION_STATUS.STOPPED ? undefined : this.#unreachable(ring);
    registers.advance();
    const d = descriptor.decode(ring);
    const space = { pasid, priv: (Number(d.flags) & DESCRIPTOR_FLAG.PRIVILEGED) !== 0 };
    const { tracer } = this.#owner;
    const ids = { sid: hex(this.#owner.sid), pasid: pasid ?? undefined, queue: this.#owner.index };
    const job = { op: Number(d.op), source: d.source, destination: d.destination, length: d.length, pattern: d.pattern };
    tracer.emit("endpoint.job-start", ids, { tag: Number(d.tag), op: job.op, length: hex(d.length) });
    const result: JobResult = isBad(d, space)
      ? { status: COMPLETION_STATUS.BAD_DESCRIPTOR, bytesDone: 0n, result: 0n, faultAddress: 0n }
      : yield* new Operation(job, new PagedAccess(this.#parts, space), this.#owner.engine).run();
    if (result.faultAddress !== 0n) this.#owner.failed(result.status, result.faultAddress);
    const unwritten = yield* this.#complete(d, space.priv && pasid === null ? { pasid, priv: false } : space, result);
    if (unwritten) return unwritten.status === COMPLETION_STATUS.STOPPED ? undefined : this.#unreachable(unwritten);
    tracer.emit("endpoint.job-complete", ids, { tag: Number(d.tag), status: result.status, op: job.op, bytesDone: Number(result.bytesDone) });
    if ((Number(d.flags) & DESCRIPTOR_FLAG.INTERRUPT) !== 0) {
      this.#owner.raise(registers.vector);
      yield "acted";
    }
  }

  /** The record with status pending, then its status byte. A stop does not take away the record of what is done, but pages are requested for it no more. */
  *#complete(d: Descriptor, space: Space, { status, ...rest }: JobResult): Work<Failure | null> {
    const access = new PagedAccess(
      status === COMPLETION_STATUS.STOPPED ? { ...this.#parts, stopping: () => false } : this.#parts,
      space,
      status !== COMPLETION_STATUS.STOPPED,
    );
    const record = completion.encode({ tag: d.tag, status: COMPLETION_STATUS.PENDING, ...rest });
    const failure = yield* access.write(d.completion, record, []);
    return failure ?? (yield* access.write(BigInt.asUintN(64, d.completion + 4n), Uint8Array.of(status), []));
  }

  /** Nothing can be told in memory: the queue halts with ERROR. */
  #unreachable({ status, address }: Failure): void {
    this.registers.error();
    this.#owner.failed(status, address);
    this.#owner.ringError();
  }
}

/** Unknown operations and flags, reserved bytes, no length, ranges beyond 2^64, gzip of more than it can hold, privileged without a PASID (PCIe 6.20: no prefix, no Priv). */
function isBad(d: Descriptor, space: Space): boolean {
  const op = Number(d.op);
  if (op > ACCELERATOR.highestOperation || d.flags > 7n || d.reserved0 !== 0n || d.reserved1 !== 0n || (space.priv && space.pasid === null)) return true;
  if (op === OPERATION.nop) return false;
  const reads = op !== OPERATION.fill;
  const both = op === OPERATION.copy || op === OPERATION.compare;
  return (
    d.length === 0n ||
    (reads && d.source + d.length > WRAPS) ||
    ((both || !reads) && d.destination + d.length > WRAPS) ||
    (op === OPERATION.gzip && d.length > BigInt(ACCELERATOR.maxGzipBytes))
  );
}
