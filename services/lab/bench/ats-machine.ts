import { completion } from "@faultline/shared/accelerator/completion.ts";
import { DESCRIPTOR_FLAG, descriptor, OPERATION } from "@faultline/shared/accelerator/descriptor.ts";
import { CTRL, PASID_VALID, QSTATUS, QUEUE_BASE, queueRegisters, accelerator as registers } from "@faultline/shared/accelerator/registers.ts";
import { CMD_ATC_INV, OPCODE } from "@faultline/shared/arm-smmu-v3/command.ts";
import type { RegisterName } from "@faultline/shared/arm-smmu-v3/registers.ts";
import { STE } from "@faultline/shared/arm-smmu-v3/stream-table-entry.ts";
import { uint64Bytes } from "@faultline/shared/codec/uint64.ts";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { Accelerator } from "@faultline/smmu/core/endpoint/accelerator.ts";
import type { Hardware } from "@faultline/smmu/core/hardware.ts";
import { hardwareAlone, writeRegister } from "./hardware.ts";
import { DMA_VA, NESTED_SID, type WalkTables } from "./walk-machine.ts";

export const FIRST_SID = NESTED_SID;
export const PASID = 1;
export const ATC_ENTRIES = 1024;
const PAGE = 4096;
/** 64 functions from 00:01.0 to 00:08.7 have StreamIDs below 2^7. */
const SID_BITS = 7;
const CMDQ_LOG2 = 8;
export const PRIQ_LOG2 = 8;
/** In what WalkTables leaves free below its frames. */
const at = { cmdq: 0x4000, eventq: 0x8000, priq: 0xa000 } as const;
/** Pages of DMA_VA: 127 are copied to the 127 behind them, then come the completion and the ring. */
const COPIED_PAGES = 127;
export const COPY_BYTES = COPIED_PAGES * PAGE;
const DONE = DMA_VA + 2 * COPIED_PAGES * PAGE;
const RING = DONE + PAGE;
const RING_LOG2 = 3;

/** `count` accelerators of a nested stream each, ATS and PRI enabled, over the tables of the walk's bench. */
export class AtsMachine {
  readonly hardware: Hardware;
  readonly accelerators: Accelerator[];
  readonly #tables: WalkTables;
  #commands = 0;
  readonly #tails: number[];

  /** `tlb` 0: every translation request walks. */
  constructor(tables: WalkTables, count: number, tlb: number) {
    this.#tables = tables;
    const { memory, base } = tables;
    const nested = { ...STE.decode(memory.read(base + NESTED_SID * 64, 64)!), EATS: 1n };
    const endpoints = Array.from({ length: count }, (_, i) => ({ ...defaultMachine.endpoints[0], bdf: FIRST_SID + i, atc: ATC_ENTRIES }));
    for (const { bdf } of endpoints) memory.write(base + bdf * 64, STE.encode(nested));
    this.hardware = hardwareAlone(memory, endpoints, tlb, { priqLog2: PRIQ_LOG2 });
    this.write("STRTAB_BASE", base);
    this.write("STRTAB_BASE_CFG", SID_BITS);
    this.write("CMDQ_BASE", base + at.cmdq + CMDQ_LOG2);
    this.write("EVENTQ_BASE", base + at.eventq + 7);
    this.write("PRIQ_BASE", base + at.priq + PRIQ_LOG2);
    this.write("CR0", 0b11111);
    this.accelerators = endpoints.map(({ bdf }) => this.hardware.functions.get(bdf)).filter((fn) => fn instanceof Accelerator);
    this.#tails = this.accelerators.map(() => 0);
    for (const fn of this.accelerators) setUp(fn);
  }

  write(name: RegisterName, value: number): void {
    writeRegister(this.hardware, name, value);
  }

  /** The hardware works until it is idle. */
  settle(): void {
    while (this.hardware.step());
  }

  /** Puts CMD_ATC_INVs of 2^`log2Pages` pages into the queue, at most as many as it holds; the function returned lets them be consumed and completed. */
  invalidations(list: readonly { sid: number; address: number; log2Pages: number }[]): () => void {
    const entries = 2 ** CMDQ_LOG2;
    for (const { sid, address, log2Pages } of list) {
      const command = CMD_ATC_INV.encode({ Opcode: OPCODE.CMD_ATC_INV, SSV: 1, SubstreamID: PASID, StreamID: sid, Size: log2Pages, Addr: BigInt(address) >> 12n });
      this.#tables.memory.write(this.#tables.base + at.cmdq + (this.#commands % entries) * 16, command);
      this.#commands = (this.#commands + 1) % (2 * entries);
    }
    return () => {
      this.write("CMDQ_PROD", this.#commands);
      this.settle();
    };
  }

  /** A copy of `COPY_BYTES` by one accelerator, from descriptor to completion. Throws when it did not succeed. */
  copy(index: number): void {
    const fn = this.accelerators[index];
    const tail = this.#tails[index];
    const job = descriptor.encode({
      op: BigInt(OPERATION.copy),
      flags: BigInt(DESCRIPTOR_FLAG.FENCE),
      source: BigInt(DMA_VA),
      destination: BigInt(DMA_VA + COPY_BYTES),
      length: BigInt(COPY_BYTES),
      completion: BigInt(DONE),
    });
    this.#dma(fn.sid, RING + 64 * tail, job);
    this.#dma(fn.sid, DONE, new Uint8Array(completion.sizeBytes));
    this.#tails[index] = (tail + 1) % 2 ** RING_LOG2;
    doorbell(fn, this.#tails[index]);
    this.settle();
    const record = this.hardware.dma({ sid: fn.sid, ssid: PASID, write: false, iova: BigInt(DONE), length: completion.sizeBytes });
    const { status, bytesDone } = completion.decode(record.ok ? record.data! : new Uint8Array(completion.sizeBytes));
    if (status !== 1n || bytesDone !== BigInt(COPY_BYTES)) throw new Error(`the measured copy ended with status ${status} after ${bytesDone} bytes`);
  }

  #dma(sid: number, iova: number, data: Uint8Array): void {
    if (!this.hardware.dma({ sid, ssid: PASID, write: true, iova: BigInt(iova), length: data.length, data }).ok) throw new Error("the bench's pages are not mapped");
  }

  /** Where the pages of the copy lie, source and destination. */
  copied(): { source: number[]; destination: number[] } {
    const pa = (page: number) => {
      const result = this.hardware.smmu.transact({
        sid: FIRST_SID,
        ssid: PASID,
        translated: false,
        address: BigInt(DMA_VA + page * PAGE),
        write: false,
        priv: false,
        exec: false,
      });
      if (typeof result === "string") throw new Error(`the bench's pages are not mapped: ${result}`);
      return result.pa;
    };
    const pages = Array.from({ length: COPIED_PAGES }, (_, page) => page);
    return { source: pages.map(pa), destination: pages.map((page) => pa(page + COPIED_PAGES)) };
  }
}

/** Memory and bus master; PASID, ATS, PRI with 32 requests; queue 0 in the address space of PASID 1. */
function setUp(fn: Accelerator): void {
  const extended = (id: number): number => {
    let offset = 0x100;
    while ((fn.configRead(offset, 4) & 0xffff) !== id) offset = fn.configRead(offset, 4) >>> 20;
    return offset;
  };
  fn.configWrite(4, 2, 6);
  // PCIe 7.8.8, 10.5.1 and 10.5.2: PASID Enable, ATS Enable, allocation and PRI Enable.
  fn.configWrite(extended(0x1b) + 6, 2, 1);
  fn.configWrite(extended(0x0f) + 6, 2, 0x8000);
  fn.configWrite(extended(0x13) + 12, 4, 32);
  fn.configWrite(extended(0x13) + 4, 2, 1);
  fn.barWrite(0, registers.CTRL.offset, word(CTRL.ENABLE));
  fn.barWrite(0, QUEUE_BASE + queueRegisters.RING_BASE.offset, uint64Bytes(RING));
  fn.barWrite(0, QUEUE_BASE + queueRegisters.RING_LOG2.offset, word(RING_LOG2));
  fn.barWrite(0, QUEUE_BASE + queueRegisters.PASID.offset, word(PASID_VALID + PASID));
  fn.barWrite(0, QUEUE_BASE + queueRegisters.QSTATUS.offset, word(QSTATUS.ENABLED));
}

const word = (value: number): Uint8Array => uint64Bytes(value).subarray(0, 4);
const doorbell = (fn: Accelerator, tail: number): void => fn.barWrite(0, QUEUE_BASE + queueRegisters.TAIL.offset, word(tail));
