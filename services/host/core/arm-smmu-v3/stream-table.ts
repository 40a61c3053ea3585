import { L1STD } from "@faultline/shared/arm-smmu-v3/l1-stream-table-descriptor.ts";
import { STE, STE_CONFIG } from "@faultline/shared/arm-smmu-v3/stream-table-entry.ts";
import { hex, numberOf, uint64Of } from "@faultline/shared/codec/uint64.ts";
import type { Execution } from "@faultline/shared/execution/execution.ts";
import { Mutex } from "@faultline/shared/execution/mutex.ts";
import { ENOMEM, ERANGE } from "@faultline/shared/linux-uapi/errno.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";
import type { Frames } from "../mm/frames.ts";
import { cfgiSte } from "./command-encoding.ts";
import type { CommandQueue } from "./command-queue.ts";
import { safeSteBits, usedSteBits, writeEntry } from "./write-entry.ts";

const SPLIT = 8;
const STE_BYTES = 64;
export const abortSte = (): Uint8Array<ArrayBuffer> => STE.encode({ V: 1, Config: STE_CONFIG.abort });

/** A linear or two-level stream table in DRAM (host-driver.md, section 3). */
export class StreamTable {
  readonly base: number;
  readonly twoLevel: boolean;
  readonly #sidBits: number;
  readonly #memory: PhysicalMemory;
  readonly #frames: Frames;
  readonly #execution: Execution;
  readonly #tracer: Tracer;
  readonly #writing: Mutex;

  private constructor(o: { base: number; twoLevel: boolean; sidBits: number; memory: PhysicalMemory; frames: Frames; execution: Execution; tracer: Tracer }) {
    this.base = o.base;
    this.twoLevel = o.twoLevel;
    this.#sidBits = o.sidBits;
    this.#memory = o.memory;
    this.#frames = o.frames;
    this.#execution = o.execution;
    this.#tracer = o.tracer;
    this.#writing = new Mutex("ste", o.execution.locks);
  }

  /** All streams abort. Null: no memory. At most 8 SID bits take a linear table. */
  static create(o: { twoLevel: boolean; sidBits: number; memory: PhysicalMemory; frames: Frames; execution: Execution; tracer: Tracer }): StreamTable | null {
    const twoLevel = o.twoLevel && o.sidBits > SPLIT;
    const size = twoLevel ? 2 ** (o.sidBits - SPLIT) * 8 : 2 ** o.sidBits * STE_BYTES;
    const base = o.frames.allocContiguous(size, Math.max(4096, size));
    if (base === null) return null;
    const table = new StreamTable({ ...o, base, twoLevel });
    if (!twoLevel) table.#fillAbort(base, 2 ** o.sidBits);
    return table;
  }

  /** STRTAB_BASE_CFG: FMT, SPLIT, LOG2SIZE. */
  get config(): number {
    return this.twoLevel ? (1 << 16) | (SPLIT << 6) | this.#sidBits : this.#sidBits;
  }

  /** Makes the STE of `sid` exist: 0, -ERANGE beyond the table, -ENOMEM. No CFGI follows the new level-1 descriptor, as in Linux. */
  init(sid: number): number {
    if (sid >= 2 ** this.#sidBits) return -ERANGE;
    if (!this.twoLevel) return 0;
    const slot = this.#level1Slot(sid);
    if (numberOf(this.#memory.read(slot, 8) as Uint8Array) !== 0) return 0;
    const block = this.#frames.allocContiguous(2 ** SPLIT * STE_BYTES, 2 ** SPLIT * STE_BYTES);
    if (block === null) return -ENOMEM;
    this.#fillAbort(block, 2 ** SPLIT);
    const descriptor = new Uint32Array(L1STD.encode({ Span: SPLIT + 1, L2Ptr: BigInt(block / 64) }).buffer);
    this.#memory.store64(slot, descriptor[0], descriptor[1]);
    return 0;
  }

  /** The STE in memory; null when its level-2 table does not exist. */
  read(sid: number): Uint8Array<ArrayBuffer> | null {
    const at = this.#address(sid);
    return at === null ? null : this.#memory.read(at, STE_BYTES);
  }

  /** Replaces the STE of an initialised `sid`, each step with CFGI_STE and CMD_SYNC. */
  async write(sid: number, target: Uint8Array, queue: CommandQueue): Promise<void> {
    await this.#writing.with(async () => {
      const at = this.#address(sid);
      if (at === null) throw new Error(`STE of ${hex(sid)} is not initialised`);
      const entry = (bytes: Uint8Array): bigint[] => Array.from({ length: 8 }, (_, word) => uint64Of(bytes.subarray(8 * word, 8 * word + 8)));
      const syncs = await writeEntry(entry(this.#memory.read(at, STE_BYTES) as Uint8Array), entry(target), {
        used: usedSteBits,
        safe: safeSteBits,
        store: (word, value) => void this.#memory.store64(at + 8 * word, Number(value & 0xffffffffn), Number(value >> 32n)),
        sync: async () => {
          await queue.issueWithSync([cfgiSte(sid, true)]);
          await this.#execution.point("host.ste.between-stores", { sid });
        },
      });
      this.#tracer.emit("host.ste-written", { sid: hex(sid) }, { config: Number(STE.decode(target).Config), syncs });
    });
  }

  #level1Slot(sid: number): number {
    return this.base + Math.floor(sid / 2 ** SPLIT) * 8;
  }

  #address(sid: number): number | null {
    if (sid >= 2 ** this.#sidBits) return null;
    if (!this.twoLevel) return this.base + sid * STE_BYTES;
    const descriptor = L1STD.decode(this.#memory.read(this.#level1Slot(sid), 8) as Uint8Array);
    return descriptor.Span === 0n ? null : Number(descriptor.L2Ptr) * 64 + (sid % 2 ** SPLIT) * STE_BYTES;
  }

  #fillAbort(base: number, count: number): void {
    for (let i = 0; i < count; i++) this.#memory.store64(base + i * STE_BYTES, 1, 0); // V = 1, Config = 0; the rest is zero
  }
}
