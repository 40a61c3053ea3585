import { CD } from "@faultline/shared/arm-smmu-v3/context-descriptor.ts";
import { type RegisterName, registers } from "@faultline/shared/arm-smmu-v3/registers.ts";
import { STE } from "@faultline/shared/arm-smmu-v3/stream-table-entry.ts";
import { IoPgtable } from "@faultline/shared/linux/io-pgtable-arm.ts";
import { defaultMachine, type EndpointOptions, type SmmuOptions } from "@faultline/shared/machine/machine.ts";
import { heapMemory } from "@faultline/shared/physical-memory/heap.ts";
import { Accelerator } from "@faultline/smmu/core/endpoint/accelerator.ts";
import { ScriptedEndpoint } from "@faultline/smmu/core/endpoint/scripted-endpoint.ts";
import { Hardware } from "@faultline/smmu/core/hardware.ts";
import type { IdRegisters } from "@faultline/smmu/core/identity.ts";
import { descriptorBytes, testEngine } from "@faultline/smmu/test-support/fake-upstream.ts";
import { HostEnd, RAM, Timers, TraceLog } from "../../support/smmu-rig.ts";

/** Physical layout: 8 MiB of RAM, then nothing. */
export const at = {
  streamTable: RAM,
  cmdq: RAM + 0x4000,
  eventq: RAM + 0x6000,
  priq: RAM + 0xa000,
  cdTable: RAM + 0x1_0000,
  tables: RAM + 0x2_0000,
  pages: RAM + 0x10_0000,
  end: RAM + 8 * 2 ** 20,
} as const;
export const MSI_ADDRESS = 0x0808_0040;
/** PASIDs 1 to 31 share one address space; PASID 0 is not usable (S1DSS = 2) and what is above is beyond S1CDMax. */
export const PASIDS = 31;

type Link =
  | { tlp: "page-request"; sid: number; pasid: number | null; prgi: number; last: boolean; read: boolean; write: boolean; address: bigint }
  | { tlp: "prg-response"; sid: number; pasid: number | null; prgi: number; code: number }
  | { tlp: "invalidate-request"; sid: number; pasid: number | null; global: boolean; address: bigint; sizeBytes: bigint; itag: number; answer: "accepted" | "UR" }
  | { tlp: "invalidate-completion"; sid: number; itagVector: number };

export interface PriqEntry {
  sid: number;
  pasid: number | null;
  prgi: number;
  last: boolean;
  read: boolean;
  write: boolean;
  address: bigint;
}

interface RigOptions {
  priqLog2?: number;
  cr2?: number;
  smmu?: Partial<SmmuOptions>;
  /** ID registers that replace those of the machine. */
  idr?: Partial<IdRegisters>;
}

/** The real hardware with functions on real links, every TLP of ATS and PRI written down, and the smallest driver: queues, one stream table, one address space. */
export class EndpointRig {
  readonly memory = heapMemory(RAM, at.end - RAM);
  readonly host = new HostEnd(this.memory);
  readonly trace = new TraceLog();
  readonly timers = new Timers();
  readonly hardware: Hardware;
  readonly stage1: IoPgtable;
  readonly link: Link[] = [];
  readonly held = new Set<string>();
  readonly priqBase = at.priq;
  readonly #priqLog2: number;
  #nextTable: number = at.tables;
  #nextPage: number = at.pages;
  #commands = 0;

  constructor(endpoints: Partial<EndpointOptions>[], { priqLog2 = 3, cr2 = 0xa, smmu = {}, idr = {} }: RigOptions = {}) {
    this.#priqLog2 = priqLog2;
    this.hardware = new Hardware(
      {
        ...defaultMachine,
        smmu: { ...defaultMachine.smmu, ...smmu },
        endpoints: endpoints.map((options, i) => ({ ...defaultMachine.endpoints[0], bdf: 8 * (i + 1), ...options })),
      },
      {
        memory: this.memory,
        host: this.host,
        tracer: this.trace,
        timer: (ns, expired) => this.timers.start(ns, expired),
        now: () => 0,
        held: (point) => this.held.has(point),
        engine: testEngine,
      },
      { idr },
    );
    this.stage1 = this.addressSpace();
    for (let pasid = 1; pasid <= PASIDS; pasid++) this.cd(pasid);
    for (const sid of this.hardware.functions.keys()) this.ste(sid);
    this.#tap();
    this.write("CR2", cr2);
    this.write("STRTAB_BASE", at.streamTable);
    this.write("STRTAB_BASE_CFG", 8);
    this.write("CMDQ_BASE", at.cmdq + 7);
    this.write("EVENTQ_BASE", at.eventq + 6);
    this.write("PRIQ_BASE", at.priq + priqLog2);
    this.write("IRQ_CTRL", 7);
    this.write("CR0", 0x1f);
  }

  /** Writes down what passes between functions and SMMU, in the order of the link. */
  #tap(): void {
    const { link } = this;
    const { priQueue, invalidation } = this.hardware.smmu;
    const receive = priQueue.receive.bind(priQueue);
    priQueue.receive = ({ sid, pasid, prgi, last, read, write, address, ...prefix }) => {
      link.push({ tlp: "page-request", sid, pasid, prgi, last, read, write, address });
      receive({ sid, pasid, prgi, last, read, write, address, ...prefix });
    };
    const complete = invalidation.complete.bind(invalidation);
    invalidation.complete = (sid, itagVector, count) => {
      link.push({ tlp: "invalidate-completion", sid, itagVector });
      complete(sid, itagVector, count);
    };
    for (const fn of this.hardware.functions.values()) {
      const respond = fn.prgResponse.bind(fn);
      fn.prgResponse = ({ pasid, prgi, code }) => {
        link.push({ tlp: "prg-response", sid: fn.sid, pasid, prgi, code });
        respond({ pasid, prgi, code });
      };
      const invalidate = fn.invalidateRequest.bind(fn);
      fn.invalidateRequest = (tlp) => {
        const answer = invalidate(tlp);
        link.push({ tlp: "invalidate-request", sid: fn.sid, ...tlp, answer });
        return answer;
      };
    }
  }

  tlps<T extends Link["tlp"]>(tlp: T): Extract<Link, { tlp: T }>[] {
    return this.link.filter((entry): entry is Extract<Link, { tlp: T }> => entry.tlp === tlp);
  }

  get smmu() {
    return this.hardware.smmu;
  }
  accelerator(sid = 8): Accelerator {
    const fn = this.hardware.functions.get(sid);
    if (!(fn instanceof Accelerator)) throw new Error(`no accelerator ${sid}`);
    return fn;
  }
  scripted(sid = 8): ScriptedEndpoint {
    const fn = this.hardware.functions.get(sid);
    if (!(fn instanceof ScriptedEndpoint)) throw new Error(`no scripted endpoint ${sid}`);
    return fn;
  }

  write(name: RegisterName, value: number | bigint): void {
    const { offset, sizeBytes } = registers[name];
    this.smmu.regs.write(offset, sizeBytes, Number(BigInt(value) & 0xffffffffn), Number(BigInt(value) >> 32n));
  }
  read(name: RegisterName): number {
    return this.smmu.regs.read(registers[name].offset, 4)[0];
  }
  ste(sid: number, fields: Parameters<typeof STE.encode>[0] = {}): void {
    this.memory.write(at.streamTable + sid * 64, STE.encode({ V: 1, Config: 5, S1ContextPtr: at.cdTable / 64, S1CDMax: 5, S1DSS: 2, EATS: 1, S1STALLD: 1, ...fields }));
  }

  /** A fresh page of RAM at `va`; returns its address. */
  map(va: number, write = true): number {
    const pa = this.page();
    this.stage1.map(va, pa, 4096, { read: true, write, user: true });
    return pa;
  }

  /** Empty stage-1 tables of 48 bits. */
  addressSpace(): IoPgtable {
    const allocFrame = () => (this.#nextTable += 4096) - 4096;
    return new IoPgtable({ memory: this.memory, allocFrame, freeFrame: () => {}, format: "stage1", inputBits: 48, outputBits: 48 });
  }
  /** A page of RAM that nothing uses. */
  page(): number {
    return (this.#nextPage += 4096) - 4096;
  }
  /** CD of a PASID: the address space that all share, with `fields` besides. */
  cd(pasid: number, fields: Parameters<typeof CD.encode>[0] = {}): void {
    this.memory.write(at.cdTable + pasid * 64, CD.encode({ V: 1, T0SZ: 16, EPD1: 1, IPS: 5, AA64: 1, R: 1, A: 1, ASID: 7, TTB0: this.stage1.root / 16, ...fields }));
  }
  /** Address of the leaf descriptor of a mapped page. */
  leaf(va: number): number {
    let table = this.stage1.root;
    for (const shift of [39, 30, 21]) table = Number(this.read64(table + (Math.floor(va / 2 ** shift) % 512) * 8) & 0xffff_ffff_f000n);
    return table + (Math.floor(va / 4096) % 512) * 8;
  }
  read64(address: number): bigint {
    return new DataView((this.memory.read(address, 8) as Uint8Array<ArrayBuffer>).buffer).getBigUint64(0, true);
  }
  write64(address: number, value: bigint): void {
    this.memory.write(address, new Uint8Array(new BigUint64Array([value]).buffer));
  }

  /** Puts commands, as hexadecimal of their 16 bytes or as bytes, into the queue and lets the SMMU consume what it can. */
  command(...commands: (Uint8Array | string)[]): void {
    for (const command of commands) {
      this.memory.write(at.cmdq + (this.#commands % 128) * 16, typeof command === "string" ? new Uint8Array(Buffer.from(command, "hex")) : command);
      this.#commands = (this.#commands + 1) % 256;
    }
    this.write("CMDQ_PROD", this.#commands);
    while (this.smmu.step());
  }
  /** Commands that the SMMU has not consumed. */
  get unconsumed(): number {
    return (256 + this.#commands - (this.read("CMDQ_CONS") & 0xff)) % 256;
  }
  /** Steps until nothing has anything to do, the functions' own waits passed; the number of steps. */
  run(limit = 20_000): number {
    for (let steps = 0; steps < limit; steps++) if (!this.hardware.step() && this.timers.expireWaits() === 0) return steps;
    throw new Error(`still busy after ${limit} steps`);
  }

  /** Records of the PRI queue from CONS to PROD, taken out; OVACKFLG is left alone, or set equal to OVFLG. */
  drainPriq({ acknowledge = true, take = Number.POSITIVE_INFINITY }: { acknowledge?: boolean; take?: number } = {}): PriqEntry[] {
    const entries: PriqEntry[] = [];
    const wrap = 2 ** (this.#priqLog2 + 1);
    const prod = this.read("PRIQ_PROD");
    let cons = this.read("PRIQ_CONS") % wrap;
    for (; cons !== prod % wrap && entries.length < take; cons = (cons + 1) % wrap) {
      const view = new DataView((this.memory.read(at.priq + (cons % (wrap / 2)) * 16, 16) as Uint8Array<ArrayBuffer>).buffer);
      const [word0, word1, low] = [0, 4, 8].map((offset) => view.getUint32(offset, true));
      entries.push({
        sid: word0,
        pasid: word1 >>> 31 ? word1 & 0xfffff : null,
        prgi: low & 0x1ff,
        last: (word1 & 0x4000_0000) !== 0,
        read: (word1 & 0x1000_0000) !== 0,
        write: (word1 & 0x2000_0000) !== 0,
        address: view.getBigUint64(8, true) & ~0xfffn,
      });
    }
    this.write("PRIQ_CONS", cons + ((acknowledge ? prod : this.read("PRIQ_CONS")) & 0x8000_0000 ? 2 ** 31 : 0));
    return entries;
  }

  /** The records of the event queue, as {ID, words}; CONS is moved past them. */
  events(): number[] {
    const ids: number[] = [];
    let cons = this.read("EVENTQ_CONS") % 128;
    for (const prod = this.read("EVENTQ_PROD") % 128; cons !== prod; cons = (cons + 1) % 128)
      ids.push((this.memory.read(at.eventq + (cons % 64) * 32, 1) as Uint8Array)[0]);
    this.write("EVENTQ_CONS", cons + (this.read("EVENTQ_PROD") & 0x8000_0000 ? 2 ** 31 : 0));
    return ids;
  }

  /** What host and guest set up before a function works: bus master and memory, PASID, ATS, allocation, PRI; for the accelerator CTRL.ENABLE and MSI-X. */
  enable(sid = 8, { allocation = 32 }: { allocation?: number } = {}): void {
    const fn = this.hardware.functions.get(sid)!;
    fn.configWrite(0x04, 2, 0x6);
    fn.configWrite(0x106, 2, 0x7);
    fn.configWrite(0x116, 2, 0x8000);
    fn.configWrite(0x12c, 4, allocation);
    fn.configWrite(0x124, 2, 1);
    if (!(fn instanceof Accelerator)) return;
    for (let vector = 0; vector < 9; vector++) this.bar(sid, 0x8000 + 16 * vector, 0, 0, vector, 1);
    this.bar(sid, 0x008, 1);
  }
  bar(sid: number, offset: number, ...words: number[]): void {
    words.forEach((word, i) => void this.hardware.functions.get(sid)!.barWrite(0, offset + 4 * i, new Uint8Array(new Uint32Array([word]).buffer)));
  }
  barRead(sid: number, offset: number): number {
    return new DataView(this.hardware.functions.get(sid)!.barRead(0, offset, 4).slice().buffer).getUint32(0, true);
  }

  /** Opens queue `queue` of an accelerator for a PASID with its ring at `ring`, of 16 descriptors; the ring is mapped here. */
  openQueue(sid: number, queue: number, pasid: number, ring: number): Ring {
    const base = 0x1000 + 0x100 * queue;
    const pa = this.map(ring);
    this.bar(sid, base, ring % 2 ** 32, Math.floor(ring / 2 ** 32), 4, 0x8000_0000 + pasid);
    this.bar(sid, base + 0x18, 0x7);
    let tail = 0;
    return {
      submit: (job) => {
        this.memory.write(pa + tail * 64, descriptorBytes(job));
        tail = (tail + 1) % 16;
        this.bar(sid, base + 0x14, tail);
      },
      status: () => this.barRead(sid, base + 0x18),
      stop: () => this.bar(sid, base + 0x18, 0x101),
    };
  }
  /** Status byte of a completion record at physical address `pa`. */
  completion(pa: number): number {
    return (this.memory.read(pa + 4, 1) as Uint8Array)[0];
  }
}

/** A queue of the accelerator as its driver has it. */
export interface Ring {
  submit(job: Parameters<typeof descriptorBytes>[0]): void;
  status(): number;
  stop(): void;
}

/** The 16 bytes of a command as two little-endian doublewords. */
export const command = (dw0: bigint, dw1 = 0n): Uint8Array => new Uint8Array(new BigUint64Array([dw0, dw1]).buffer);
/** CMD_PRI_RESP (4.5.2): opcode 0x41, SSV 11, SubstreamID 31:12, StreamID 63:32, PRGIndex 72:64, Resp 77:76. */
export const priResp = (sid: number, pasid: number | null, prgi: number, resp: number): Uint8Array =>
  command(0x41n | (BigInt(sid) << 32n) | (pasid === null ? 0n : 0x800n | (BigInt(pasid) << 12n)), BigInt(prgi) | (BigInt(resp) << 12n));
export const SYNC = command(0x46n);
