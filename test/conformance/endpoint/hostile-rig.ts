import { CD } from "@faultline/shared/arm-smmu-v3/context-descriptor.ts";
import { at, EndpointRig, priResp, type Ring } from "./endpoint-rig.ts";

export const VICTIM = 0x08,
  HOSTILE = 0x10;
export const PASID = 5;
const [RING, DONE, SOURCE, DESTINATION] = [0x7f00_0000_0000, 0x7f00_0001_0000, 0x7f00_0010_0000, 0x7f00_0020_0000];
/** The one page that the hostile function was given, in its PASID 3. */
export const OWN = { pasid: 3, va: 0x1000_0000 } as const;
const HOSTILE_CDS = at.cdTable + 0x1000;
const PAGES = 6;
const SUCCESS = 2;
const COMPLETED = 1;

/** An accelerator whose job has all its data pages to fault in, its driver, and another function, scripted or not, with an address space of its own. */
export class HostileRig {
  readonly rig: EndpointRig;
  readonly ring: Ring;
  readonly own: number;
  /** Steps in which the victim did something. */
  victimSteps = 0;
  readonly #done: number;
  readonly #data: Uint8Array;
  readonly #pages = new Map<number, number>();
  readonly #guarded: [number, number][];
  readonly #before: string;
  #jobs = 0;

  constructor({ eats = 0, priqLog2 = 3, kind = "scripted" }: { eats?: number; priqLog2?: number; kind?: "scripted" | "accelerator" } = {}) {
    const rig = new EndpointRig(
      [
        { bdf: VICTIM, pagesPerGroup: 1 },
        { bdf: HOSTILE, kind },
      ],
      { priqLog2 },
    );
    this.rig = rig;
    rig.ste(VICTIM, { PPAR: 1 });
    rig.ste(HOSTILE, { S1ContextPtr: HOSTILE_CDS / 64, EATS: eats, PPAR: 1 });
    const space = rig.addressSpace();
    this.own = rig.page();
    space.map(OWN.va, this.own, 4096, { read: true, write: true, user: true });
    rig.memory.write(HOSTILE_CDS + OWN.pasid * 64, CD.encode({ V: 1, T0SZ: 16, EPD1: 1, IPS: 5, AA64: 1, R: 1, A: 1, ASID: 9, TTB0: space.root / 16 }));
    rig.enable(VICTIM);
    rig.bar(VICTIM, 0x014, 100_000); // RETRY_LIMIT
    this.ring = rig.openQueue(VICTIM, 0, PASID, RING);
    this.#done = rig.map(DONE);
    this.#data = Uint8Array.from({ length: PAGES * 4096 }, (_, i) => (i * 13 + (i >> 8)) & 0xff);
    // Everything that is nobody's to write but the driver's: stream table, CDs, translation tables.
    this.#guarded = [
      [at.streamTable, at.cmdq],
      [at.cdTable, at.pages],
    ];
    this.again();
    for (let page = 0; page < PAGES; page++) this.#pageOf(page);
    this.#before = this.#guards();
  }

  /** Frames for the job's pages exist, filled; they are mapped when they are asked for. */
  #pageOf(page: number): void {
    for (const base of [SOURCE, DESTINATION]) {
      const frame = this.rig.page();
      this.#pages.set(base + page * 4096, frame);
      if (base === SOURCE) this.rig.memory.write(frame, this.#data.subarray(page * 4096, (page + 1) * 4096));
      // The tables exist before the attack, so that what is guarded does not change: the leaf is left empty.
      this.rig.stage1.map(base + page * 4096, frame, 4096, { read: true, write: true, user: true });
      this.rig.write64(this.rig.leaf(base + page * 4096), 0n);
    }
  }
  #guards(): string {
    return this.#guarded.map(([from, to]) => Buffer.from(this.rig.memory.read(from, to - from)!).toString("base64")).join();
  }

  /** Submits the job once more. */
  again(): void {
    this.rig.memory.write(this.#done, new Uint8Array(32));
    this.ring.submit({ op: 1, source: BigInt(SOURCE), destination: BigInt(DESTINATION), length: BigInt(PAGES * 4096), completion: BigInt(DONE), tag: ++this.#jobs });
  }
  get done(): boolean {
    return this.rig.completion(this.#done) !== 0;
  }

  /** The victim and the SMMU work for `steps`. */
  work(steps: number): void {
    const victim = this.rig.hardware.functions.get(VICTIM)!;
    this.rig.timers.expireWaits();
    for (let n = 0; n < steps; n++) {
      this.rig.smmu.step();
      if (victim.step()) this.victimSteps++;
    }
  }

  /** The driver: takes all records, maps what the victim may have, answers complete groups, refuses the hostile function's. */
  serve(): void {
    const { rig } = this;
    for (const { sid, pasid, prgi, last, read, write, address } of rig.drainPriq()) {
      const frame = sid === VICTIM && pasid === PASID ? this.#pages.get(Number(address)) : undefined;
      if (frame !== undefined) this.#present(Number(address), frame);
      if (last && (read || write || pasid === null)) rig.command(priResp(sid, pasid, prgi, frame === undefined ? 1 : SUCCESS));
    }
  }
  #present(va: number, frame: number): void {
    // V, page, user, AF, nG and inner shareable; read and write.
    this.rig.write64(this.rig.leaf(va), BigInt(frame) | 0xf43n);
  }

  /** Works and serves until the job is done. Rounds used, or null if it is not done in `limit`. */
  finish(limit = 2000): number | null {
    for (let round = 0; round < limit; round++) {
      if (this.done) return round;
      this.work(8);
      this.serve();
    }
    return null;
  }

  /** What is wrong with the job's result, or with memory that nobody may write; null: nothing. The leaves of the job's pages are the driver's. */
  damage(): string | null {
    if (this.rig.completion(this.#done) !== COMPLETED) return `the job ended with status ${this.rig.completion(this.#done)}`;
    for (let page = 0; page < PAGES; page++) {
      const written = this.rig.memory.read(this.#pages.get(DESTINATION + page * 4096)!, 4096)!;
      if (Buffer.compare(written, this.#data.subarray(page * 4096, (page + 1) * 4096)) !== 0) return `page ${page} of the copy is wrong`;
      for (const base of [SOURCE, DESTINATION]) this.rig.write64(this.rig.leaf(base + page * 4096), 0n);
    }
    return this.#guards() === this.#before ? null : "tables were written";
  }

  /** Sizes of everything in the SMMU that could grow. */
  sizes(): Record<string, number> {
    const { smmu, timers } = this.rig;
    return {
      tlb: smmu.tlb.size,
      stes: smmu.configurationCache.size.stes,
      cds: smmu.configurationCache.size.cds,
      invalidations: smmu.invalidation.outstanding(),
      timers: timers.pending.length,
    };
  }
}
