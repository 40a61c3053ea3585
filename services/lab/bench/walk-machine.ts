import { CMD_CFGI_STE, CMD_SYNC, OPCODE } from "@faultline/shared/arm-smmu-v3/command.ts";
import { CD } from "@faultline/shared/arm-smmu-v3/context-descriptor.ts";
import { STE } from "@faultline/shared/arm-smmu-v3/stream-table-entry.ts";
import { IoPgtable } from "@faultline/shared/linux/io-pgtable-arm.ts";
import { Ram } from "@faultline/shared/physical-memory/ram.ts";
import { TranslatedMemory } from "@faultline/shared/physical-memory/translated.ts";
import type { Hardware } from "@faultline/smmu/core/hardware.ts";
import { hardwareAlone, writeRegister } from "./hardware.ts";

export const MAX_PASIDS = 10_000;
/** Pages that the accesses go to: as many as PASIDs, so that every scale has the same number of TLB entries. */
export const PAGES = 10_000;
export const NESTED_SID = 8;
export const STAGE_1_SID = 9;

const PAGE = 4096;
const RAM = 0x4000_0000;
const RAM_BYTES = 64 * 2 ** 20;
const at = { streamTable: RAM, cmdq: RAM + 0x4000, eventq: RAM + 0x8000, frames: RAM + 0x1_0000, guest: RAM + 0x100_0000 };
const GPA = 0x8000_0000;
const GUEST_PAGES = 8192;
/** 2^14 CDs of 64 bytes. */
const S1CDMAX = 14;
const CMDQ_LOG2 = 8;
const FIRST_VA = 0x7f00_0000_0000;
/** Five pages: the leaf tables are more than a CPU's first-level cache holds. */
const STRIDE = 5 * PAGE;
/** 256 consecutive pages. */
export const DMA_VA = 0x7e00_0000_0000;

/** Tables in one RAM: a nested stream (4 KiB, four levels over four) with a CD for each PASID, and a stream with stage 1 only. */
export class WalkTables {
  readonly bytes = new Uint8Array(RAM_BYTES);
  readonly memory = new Ram(RAM, this.bytes, new Uint32Array((RAM_BYTES / PAGE) * 2));
  readonly base = RAM;
  readonly stage1: IoPgtable;
  readonly stage2: IoPgtable;
  /** In a fixed shuffled order. */
  readonly addresses: readonly bigint[];
  #nextFrame = at.frames;
  #nextGuestPage = GPA + 2 ** S1CDMAX * 64;

  constructor() {
    const frames = { allocFrame: () => this.#frame(), freeFrame: () => {}, inputBits: 48, outputBits: 48 };
    // Guest pages lie in reverse order, so that nothing is contiguous.
    const frameOf = (gpa: number) => at.guest + (GUEST_PAGES - 1 - Math.floor((gpa - GPA) / PAGE)) * PAGE + (gpa % PAGE);
    const guest = new TranslatedMemory(this.memory, (gpa) => (gpa >= GPA && gpa < GPA + GUEST_PAGES * PAGE ? frameOf(gpa) : null), GPA, GUEST_PAGES * PAGE);
    this.stage2 = new IoPgtable({ ...frames, memory: this.memory, format: "stage2", lowestLeafLevel: 3 });
    for (let page = 0; page < GUEST_PAGES; page++) this.stage2.map(GPA + page * PAGE, frameOf(GPA + page * PAGE), PAGE, { read: true, write: true });
    this.stage1 = new IoPgtable({ ...frames, memory: guest, allocFrame: () => this.#guestPage(), format: "stage1" });
    const alone = new IoPgtable({ ...frames, memory: this.memory, format: "stage1" });
    const data = this.#guestPage();
    for (let page = 1; page < 256; page++) this.#guestPage();
    for (let page = 0; page < 256; page++) this.stage1.map(DMA_VA + page * PAGE, data + page * PAGE, PAGE, { read: true, write: true, user: true });
    for (let page = 0; page < PAGES; page++) {
      const gpa = data + (page % 256) * PAGE;
      this.stage1.map(FIRST_VA + page * STRIDE, gpa, PAGE, { read: true, write: true, user: true });
      alone.map(FIRST_VA + page * STRIDE, frameOf(gpa), PAGE, { read: true, write: true, user: true });
    }
    const common = { V: 1, T0SZ: 16, EPD1: 1, IPS: 5, AA64: 1, R: 1, A: 1 };
    for (let pasid = 0; pasid <= MAX_PASIDS; pasid++) guest.write(GPA + pasid * 64, CD.encode({ ...common, ASID: pasid + 1, TTB0: this.stage1.root / 16 }));
    const cd = this.#frame();
    this.memory.write(cd, CD.encode({ ...common, ASID: 1, TTB0: alone.root / 16 }));
    const stage2 = { S2VMID: 3, S2T0SZ: 16, S2SL0: 2, S2PS: 5, S2AA64: 1, S2R: 1, S2PTW: 1, S2TTB: this.stage2.root / 16 };
    this.memory.write(at.streamTable + NESTED_SID * 64, STE.encode({ V: 1, Config: 7, S1ContextPtr: GPA / 64, S1CDMax: S1CDMAX, S1DSS: 2, ...stage2 }));
    this.memory.write(at.streamTable + STAGE_1_SID * 64, STE.encode({ V: 1, Config: 5, S1ContextPtr: cd / 64, S2VMID: 4 }));
    // 1031 is prime to the number of pages: every page once.
    this.addresses = Array.from({ length: PAGES }, (_, i) => BigInt(FIRST_VA + ((i * 1031) % PAGES) * STRIDE + (i % 512) * 8));
  }

  #frame(): number {
    this.#nextFrame += PAGE;
    if (this.#nextFrame > at.guest) throw new Error("the bench's tables need more RAM");
    return this.#nextFrame - PAGE;
  }
  #guestPage(): number {
    this.#nextGuestPage += PAGE;
    return this.#nextGuestPage - PAGE;
  }

  /** An SMMU over these tables, enabled, with `tlb` entries in its TLB and a configuration cache that holds everything. */
  hardware(tlb: number): Hardware {
    const hardware = hardwareAlone(this.memory, [], tlb);
    writeRegister(hardware, "STRTAB_BASE", at.streamTable);
    writeRegister(hardware, "STRTAB_BASE_CFG", 6);
    writeRegister(hardware, "CMDQ_BASE", at.cmdq + CMDQ_LOG2);
    writeRegister(hardware, "EVENTQ_BASE", at.eventq + 7);
    writeRegister(hardware, "CR0", 0b1101);
    return hardware;
  }

  /** Fills the command queue but for one entry: CMD_CFGI_STE of a stream that is not used, every 16th a CMD_SYNC. Returns a function that lets it be consumed, and its commands. */
  commands(hardware: Hardware): { consume(): void; count: number } {
    const entries = 2 ** CMDQ_LOG2;
    for (let i = 0; i < entries; i++) {
      const command = i % 16 === 15 ? CMD_SYNC.encode({ Opcode: OPCODE.CMD_SYNC }) : CMD_CFGI_STE.encode({ Opcode: OPCODE.CMD_CFGI_STE, StreamID: 40, Leaf: 1 });
      this.memory.write(at.cmdq + i * 16, command);
    }
    let prod = 0;
    return {
      count: entries,
      consume: () => {
        prod = (prod + entries) % (2 * entries);
        writeRegister(hardware, "CMDQ_PROD", prod);
        while (hardware.step());
      },
    };
  }
}
