import { COMPLETION_STATUS, completion } from "@faultline/shared/accelerator/completion.ts";
import { DESCRIPTOR_FLAG, descriptor } from "@faultline/shared/accelerator/descriptor.ts";
import { ACCELERATOR, PASID_VALID, QSTATUS, queueRegisters as R } from "@faultline/shared/accelerator/registers.ts";
import { hex } from "@faultline/shared/codec/uint64.ts";
import { Operation } from "./operations.ts";
import { type Blocked, isBlocked, PAGE, type PagedAccess } from "./paged-access.ts";
import type { FunctionPorts } from "./ports.ts";

const DESCRIPTOR_BYTES = 64n;
const STATUS_OF: Record<Exclude<Blocked["blocked"], "waiting">, number> = {
  invalid: COMPLETION_STATUS.RESPONSE_INVALID, failure: COMPLETION_STATUS.RESPONSE_FAILURE, aborted: COMPLETION_STATUS.ABORTED, "retry-limit": COMPLETION_STATUS.RETRY_LIMIT, closed: COMPLETION_STATUS.STOPPED,
};

interface Running { tag: number; flags: number; op: number; completion: bigint; operation: Operation | null; ended: { status: number; result: bigint; faultAddress: bigint } | null; written: number }

/** What a queue needs of its function. */
export interface QueueOwner {
  sid: number;
  enabled(): boolean;
  raise(vector: number): void;
  /** A descriptor failed at `address`; or the ring or completion could not be reached. */
  failed(address: bigint, status: number): void;
  ringError(): void;
}

/** One descriptor ring: fetch, run, complete, one action a step. Every one of its accesses can fault. */
export class Queue {
  readonly #owner: QueueOwner;
  readonly #ports: FunctionPorts;
  readonly #access: PagedAccess;
  readonly #registers = new Map<number, number>();
  #running: Running | null = null;
  #stopping = false;

  constructor(owner: QueueOwner, access: PagedAccess, ports: FunctionPorts) {
    this.#owner = owner;
    this.#access = access;
    this.#ports = ports;
  }

  read(offset: number): number {
    return this.#registers.get(offset) ?? 0;
  }

  write(offset: number, value: number): void {
    if (offset === R.HEAD.offset) return; // RO
    if (offset === R.QSTATUS.offset) return this.#writeStatus(value);
    this.#registers.set(offset, value >>> 0);
  }

  /** ENABLED is RW; ERROR and STOPPED are RW1C; STOP stops the PASID. */
  #writeStatus(value: number): void {
    const now = this.read(R.QSTATUS.offset);
    const wasEnabled = (now & QSTATUS.ENABLED) !== 0;
    const enable = (value & QSTATUS.ENABLED) !== 0;
    if (enable && !wasEnabled) this.#registers.set(R.HEAD.offset, 0);
    this.#registers.set(R.QSTATUS.offset, (value & QSTATUS.ENABLED) | (now & (QSTATUS.ERROR | QSTATUS.STOPPED) & ~value));
    if ((value & QSTATUS.STOP) !== 0) this.#stopping = true;
    else if (enable && !wasEnabled) this.#stopping = false;
  }

  /** Power-on state. Groups that were open are closed by the page-request interface. */
  reset(): void {
    this.#registers.clear();
    this.#running = null;
    this.#stopping = false;
    this.#access.begin();
  }

  /** One action. False: idle, waiting for a page response, or stopped. */
  step(): boolean {
    const status = this.read(R.QSTATUS.offset);
    if (this.#stopping) return this.#stop();
    if (!this.#owner.enabled() || (status & QSTATUS.ENABLED) === 0 || (status & (QSTATUS.ERROR | QSTATUS.STOPPED)) !== 0) return false;
    if (this.#running) return this.#run(this.#running);
    return this.#fetch();
  }

  /** Stop: no new requests; outstanding ones are drained; then STOPPED, and the descriptor in progress ends as stopped. */
  #stop(): boolean {
    if (!this.#access.drained) return false;
    this.#stopping = false;
    this.#running = null;
    this.#registers.set(R.QSTATUS.offset, this.read(R.QSTATUS.offset) | QSTATUS.STOPPED);
    return true;
  }

  #ring(): { base: bigint; entries: number } {
    const base = (BigInt(this.read(R.RING_BASE.offset + 4)) << 32n) | BigInt(this.read(R.RING_BASE.offset));
    return { base: base & ~63n, entries: 2 ** Math.min(this.read(R.RING_LOG2.offset), ACCELERATOR.log2MaxRing) };
  }

  #fetch(): boolean {
    const { base, entries } = this.#ring();
    const head = this.read(R.HEAD.offset);
    if (head === this.read(R.TAIL.offset) % entries) return false;
    const pasid = this.read(R.PASID.offset);
    this.#access.pasid = pasid >= PASID_VALID ? pasid & 0xfffff : null;
    this.#access.priv = false;
    const bytes = this.#access.read(base + BigInt(head) * DESCRIPTOR_BYTES, Number(DESCRIPTOR_BYTES), []);
    if (isBlocked(bytes)) {
      if (bytes.blocked === "waiting") return false;
      this.#ringFailed(bytes);
      return true;
    }
    const d = descriptor.decode(bytes);
    const bad = Number(d.op) > ACCELERATOR.highestOperation || d.reserved0 !== 0n || d.reserved1 !== 0n || d.completion % 32n !== 0n || (d.op !== 0n && d.length === 0n);
    this.#access.begin();
    this.#access.priv = (Number(d.flags) & DESCRIPTOR_FLAG.PRIVILEGED) !== 0;
    this.#running = {
      tag: Number(d.tag), flags: Number(d.flags), op: Number(d.op), completion: d.completion, written: 0,
      operation: bad ? null : new Operation({ op: Number(d.op), source: d.source, destination: d.destination, length: d.length, pattern: d.pattern }, this.#ports.engine),
      ended: bad ? { status: COMPLETION_STATUS.BAD_DESCRIPTOR, result: 0n, faultAddress: 0n } : null,
    };
    this.#ports.tracer.emit("endpoint.job-start", this.#ids(), { tag: Number(d.tag), op: Number(d.op), length: hex(d.length) });
    return true;
  }

  #run(job: Running): boolean {
    if (job.ended) return this.#complete(job, job.ended);
    const step = job.operation?.step(this.#access) ?? { result: 0n };
    if (step === "more") return true;
    if (isBlocked(step)) {
      if (step.blocked === "waiting") return false;
      job.ended = { status: STATUS_OF[step.blocked], result: 0n, faultAddress: step.address };
      this.#owner.failed(step.address, job.ended.status);
    } else if ("mismatch" in step) job.ended = { status: COMPLETION_STATUS.MISMATCH, result: step.mismatch, faultAddress: 0n };
    else job.ended = { status: COMPLETION_STATUS.SUCCESS, result: step.result, faultAddress: 0n };
    return true;
  }

  /** The record with status 0 first, the status byte last, then HEAD and the interrupt. */
  #complete(job: Running, ended: NonNullable<Running["ended"]>): boolean {
    const record = { tag: job.tag, bytesDone: job.operation?.bytesDone ?? 0n, result: ended.result, faultAddress: ended.faultAddress };
    const bytes = job.written === 0 ? completion.encode(record) : Uint8Array.of(ended.status);
    const at = job.completion + (job.written === 0 ? 0n : 4n);
    if (at / PAGE !== (at + BigInt(bytes.length) - 1n) / PAGE) throw new Error("a 32-byte aligned completion crosses a page");
    const done = this.#access.write(at, bytes, []);
    if (isBlocked(done)) {
      if (done.blocked === "waiting") return false;
      this.#ringFailed(done);
      return true;
    }
    if (job.written++ === 0) return true;
    const { entries } = this.#ring();
    this.#registers.set(R.HEAD.offset, (this.read(R.HEAD.offset) + 1) % entries);
    this.#ports.tracer.emit("endpoint.job-complete", this.#ids(), { tag: job.tag, status: ended.status, op: job.op, bytesDone: Number(record.bytesDone) });
    this.#running = null;
    if ((job.flags & DESCRIPTOR_FLAG.INTERRUPT) !== 0) this.#owner.raise(this.read(R.MSIX_VECTOR.offset));
    return true;
  }

  /** Ring or completion unreachable: nothing can be reported in memory, so the queue stops in error. */
  #ringFailed(blocked: Exclude<Blocked, { blocked: "waiting" }>): void {
    this.#registers.set(R.QSTATUS.offset, this.read(R.QSTATUS.offset) | QSTATUS.ERROR);
    this.#running = null;
    this.#owner.failed(blocked.address, STATUS_OF[blocked.blocked]);
    this.#owner.ringError();
  }

  #ids() {
    return { sid: hex(this.#owner.sid), pasid: this.#access.pasid ?? undefined };
  }
}
