import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { silentTracer } from "@faultline/shared/trace/tracer.ts";
import { Smmu } from "@faultline/smmu/core/smmu.ts";
import { RecordingFunction, Timers } from "../../support/smmu-rig.ts";
import { legality } from "./command-legality.ts";
import { SparseMemory } from "./core-under-test.ts";
import { type Action, ATS_SID, OFFSET } from "./hostile-actions.ts";
import { type IdValues, idOf } from "./machine.ts";

export const CACHE_ENTRIES = 32;
const HOLE = 0x7000_0000n;
/** Steps that the longest queue of this machine (2^8 entries, either wrap) can take, and a margin. */
const MAX_STEPS = 4 * 2 ** 8;
/** Reads of one access: 24 descriptors, configuration, and the bounded attempts of the hardware update. */
const MAX_LOADS = 4096;

/** A driver that means harm, against an SMMU; throws when the SMMU throws, does not end, grows, or judges a command otherwise than smmuv3.md, 4.2. */
export class HostileDriver {
  readonly memory = new SparseMemory((address) => BigInt(address) >= HOLE && BigInt(address) < HOLE + 0x1000_0000n);
  readonly #timers = new Timers();
  readonly #smmu: Smmu;
  readonly #idr: IdValues;
  readonly #reach: (row: string) => void;
  #sent = 0;

  constructor(idr: IdValues, reach: (row: string) => void) {
    this.#idr = idr;
    this.#reach = reach;
    const endpoint = new RecordingFunction(ATS_SID);
    const unused = () => {
      throw new Error("no engine");
    };
    this.#smmu = new Smmu(
      idr,
      { ...defaultMachine.smmu.caches, tlb: CACHE_ENTRIES, config: CACHE_ENTRIES },
      {
        memory: this.memory,
        host: {
          broken: false,
          send: () => {
            this.#sent++;
            return "sent" as const;
          },
          request: async () => "broken" as const,
          reply: () => {},
          post: (address, data) => void this.memory.write(address, data),
          writable: async () => {},
        },
        tracer: silentTracer,
        timer: (ns, expired) => this.#timers.start(ns, expired),
        held: () => false,
        now: () => 0,
        engine: { sha256: unused, gzip: unused },
      },
      (sid) => (sid === ATS_SID ? endpoint : undefined),
    );
  }

  #write(offset: number, size: number, value: bigint): void {
    this.#smmu.regs.write(offset, size, Number(value & 0xffff_ffffn), Number((value >> 32n) & 0xffff_ffffn));
  }
  #read(offset: number): bigint {
    const [low, high] = this.#smmu.regs.read(offset, 8);
    return low === 0 && high === 0 ? BigInt(this.#smmu.regs.read(offset, 4)[0]) : (BigInt(high) << 32n) | BigInt(low);
  }

  act(one: Action): void {
    this.memory.loads.length = 0;
    const sentBefore = this.#sent;
    switch (one.do) {
      case "register":
        this.#write(one.offset, one.size, one.value % 2n ** BigInt(8 * one.size));
        break;
      case "set up":
        this.#write(OFFSET.CR0, 4, 0n);
        this.#write(OFFSET.STRTAB_BASE, 8, 0x1000_0000n);
        this.#write(OFFSET.STRTAB_BASE_CFG, 4, 6n);
        this.#write(OFFSET.CMDQ_BASE, 8, (one.hole ? HOLE : 0x2000_0000n) + 5n);
        this.#write(OFFSET.EVENTQ_BASE, 8, 0x2100_0000n + 3n);
        this.#write(OFFSET.PRIQ_BASE, 8, 0x2200_0000n + 2n);
        this.#write(OFFSET.CMDQ_PROD, 4, 0n);
        this.#write(OFFSET.CMDQ_CONS, 4, 0n);
        this.#write(OFFSET.CR2, 4, 2n);
        this.#write(OFFSET.IRQ_CTRL, 4, 7n);
        this.#write(OFFSET.GERRORN, 4, this.#read(OFFSET.GERROR));
        this.#write(OFFSET.CR0, 4, BigInt(one.cr0));
        break;
      case "commands":
        if (one.acknowledge) this.#write(OFFSET.GERRORN, 4, this.#read(OFFSET.GERROR));
        for (const command of one.list) {
          const { log2, base } = this.#commandQueue();
          const prod = Number(this.#read(OFFSET.CMDQ_PROD));
          const at = Number(base) + (prod % 2 ** log2) * 16;
          this.memory.write(
            at,
            Uint8Array.from({ length: 16 }, (_, i) => Number((command >> BigInt(8 * i)) & 0xffn)),
          );
          this.#write(OFFSET.CMDQ_PROD, 4, BigInt((prod + 1) % 2 ** (log2 + 1)));
        }
        break;
      case "access":
        this.#smmu.transact(one.access);
        if (this.memory.loads.length > MAX_LOADS) throw new Error(`an access read ${this.memory.loads.length} descriptors`);
        break;
      case "page request":
        this.#smmu.priQueue.receive({
          sid: ATS_SID,
          pasid: one.pasid,
          address: 0x1000n,
          read: true,
          write: false,
          exec: false,
          priv: false,
          last: one.last,
          prgi: one.prgi,
        });
        break;
      case "time passes":
        for (const { expired } of [...this.#timers.pending]) expired();
        break;
      case "wait for an invalidation that nobody completes":
        this.act({ do: "set up", cr0: 0x1f, hole: false });
        this.act({ do: "commands", list: [0x40n | (BigInt(ATS_SID) << 32n)], acknowledge: true });
        this.act({ do: "time passes" });
        this.act({ do: "commands", list: [0x46n], acknowledge: true });
        break;
      case "scribble":
        this.memory.words.set(one.at, one.value);
        break;
    }
    this.#settle();
    this.#bounded(this.#sent - sentBefore);
  }

  #commandQueue(): { log2: number; base: bigint } {
    const register = this.#read(OFFSET.CMDQ_BASE);
    const log2 = Math.min(Number(register & 0x1fn), (this.#idr.IDR1 >>> 21) & 0x1f);
    const base = register & 0x000f_ffff_ffff_ffe0n;
    const size = BigInt(Math.max(32, 2 ** log2 * 16));
    return { log2, base: base - (base % size) };
  }

  /** Lets the queue run; each verdict is compared with the specification's. */
  #settle(): void {
    for (let steps = 0; ; steps++) {
      if (steps > MAX_STEPS) throw new Error(`the command queue still runs after ${steps} steps`);
      const { log2, base } = this.#commandQueue();
      const cons = this.#smmu.regs.low("CMDQ_CONS");
      const before = { stopped: this.#stopped(), command: this.memory.read(Number(base) + (cons % 2 ** log2) * 16, 16) };
      if (!this.#smmu.step()) return;
      const now = this.#smmu.regs.low("CMDQ_CONS");
      const failed = !before.stopped && this.#stopped();
      const error = failed ? (now >>> 24) & 0x7f : 0;
      if (failed) this.#reach(["CERROR_NONE", "CERROR_ILL", "CERROR_ABT", "CERROR_ATC_INV_SYNC"][error]);
      if (!before.command) {
        if (error !== 2) throw new Error(`an abort on the command fetch ended with ERR ${error}`);
        continue;
      }
      if (error === 3) continue;
      const command = before.command.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
      const { row, verdict } = legality(command, idOf(this.#idr), { PRI: (this.#idr.IDR0 & 0x1_0000) !== 0, RIL: (this.#idr.IDR3 & 0x400) !== 0 });
      this.#reach(row);
      if (verdict !== "either" && (verdict === "ILL") !== (error === 1)) throw new Error(`command 0x${command.toString(16)} is ${row}, the core has ERR ${error}`);
    }
  }

  #stopped(): boolean {
    return ((this.#smmu.regs.low("GERROR") ^ this.#smmu.regs.low("GERRORN")) & 1) !== 0;
  }

  /** Every cache, queue and table of the hardware's own has a limit. */
  #bounded(sent: number): void {
    const { tlb, configurationCache, stalls } = this.#smmu;
    const sizes = configurationCache.size;
    const stalled = [...stalls.entries()].length;
    const limits: [string, number, number][] = [
      ["TLB entries", tlb.size, CACHE_ENTRIES],
      ["STEs", sizes.stes, CACHE_ENTRIES],
      ["CDs", sizes.cds, CACHE_ENTRIES],
      // Recorded ones have a STAG below STALL_MAX (64 here); the others wait, IMPLEMENTATION DEFINED but bounded.
      ["stalled transactions", stalled, 64 + 1024],
      ["ATC invalidations under way", this.#timers.pending.length, 256],
      ["messages for one action", sent, 2 * MAX_STEPS],
    ];
    for (const [what, size, limit] of limits) if (size > limit) throw new Error(`${size} ${what}`);
  }
}
