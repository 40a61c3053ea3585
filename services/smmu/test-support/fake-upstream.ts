import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { AcceleratorEngine } from "@faultline/shared/accelerator/engine.ts";
import type { EndpointOptions } from "@faultline/shared/machine/machine.ts";
import type { TraceEvent, Tracer } from "@faultline/shared/trace/tracer.ts";
import { Accelerator } from "../core/endpoint/accelerator.ts";
import type { MemoryReadCompletion, MemoryWriteOutcome, PasidPrefix, TranslationCompletion, Upstream } from "../core/link.ts";

export const testEngine: AcceleratorEngine = {
  sha256() {
    const hash = createHash("sha256");
    return { update: (bytes) => void hash.update(bytes), digest: () => new Uint8Array(hash.digest()) };
  },
  gzip: (bytes) => new Uint8Array(gzipSync(bytes)),
};

export interface SentPageRequest {
  pasid: number | null;
  priv: boolean;
  address: bigint;
  prgi: number;
  last: boolean;
  read: boolean;
  write: boolean;
}
const PAGE = 4096;
export const MSI_ADDRESS = 0x0808_0040n;

/** The other end of the link: page maps by PASID, sparse memory, and a list of every TLP. */
export class FakeUpstream implements Upstream {
  readonly tlps: string[] = [];
  readonly pageRequests: SentPageRequest[] = [];
  readonly msis: number[] = [];
  readonly invalidateCompletions: { itagVector: number; count: number }[] = [];
  readonly #maps = new Map<string, { pa: number; W: boolean }>();
  readonly #frames = new Map<number, Uint8Array>();
  #nextFrame = 0x4000_0000;
  translationStatus: "SC" | "UR" | "CA" = "SC";
  /** Called for each page request, before it returns: the SMMU's automatic responses. */
  onPageRequest: (request: SentPageRequest) => void = () => {};

  map(pasid: number | null, address: bigint, pages = 1, W = true): void {
    for (let n = 0; n < pages; n++) {
      this.#maps.set(this.#key(pasid, address + BigInt(n * PAGE)), { pa: this.#nextFrame, W });
      this.#nextFrame += 2 * PAGE; // never contiguous
    }
  }
  unmap(pasid: number | null, address: bigint): void {
    this.#maps.delete(this.#key(pasid, address));
  }
  mapped(pasid: number | null, address: bigint): boolean {
    return this.#maps.has(this.#key(pasid, address));
  }
  frameOf(pasid: number | null, address: bigint): number | null {
    return this.#maps.get(this.#key(pasid, address))?.pa ?? null;
  }
  #key(pasid: number | null, address: bigint): string {
    return `${pasid}:${address >> 12n}`;
  }

  /** The bytes behind virtual addresses, as a CPU would reach them; of a page that is not mapped 255. */
  peek(pasid: number | null, address: bigint, length: number): Uint8Array {
    const bytes = new Uint8Array(length).fill(0xff);
    this.#pages(pasid, address, length, (frame, from, to, offset) => bytes.set(frame?.subarray(from, to) ?? [], offset));
    return bytes;
  }
  poke(pasid: number | null, address: bigint, bytes: Uint8Array): void {
    this.#pages(pasid, address, bytes.length, (frame, from, to, offset) => {
      if (!frame) throw new Error(`poke of an unmapped page ${(address + BigInt(offset)).toString(16)}`);
      frame.set(bytes.subarray(offset, offset + to - from), from);
    });
  }
  /** `each` page of a range: its frame, where in it the range lies, and how many bytes of the range are before. */
  #pages(pasid: number | null, address: bigint, length: number, each: (frame: Uint8Array | null, from: number, to: number, offset: number) => void): void {
    for (let offset = 0; offset < length; ) {
      const at = address + BigInt(offset);
      const from = Number(at & 0xfffn);
      const to = Math.min(PAGE, from + length - offset);
      const entry = this.#maps.get(this.#key(pasid, at));
      each(entry ? this.frame(entry.pa) : null, from, to, offset);
      offset += to - from;
    }
  }
  frame(pa: number): Uint8Array {
    const base = pa - (pa % PAGE);
    const frame = this.#frames.get(base) ?? new Uint8Array(PAGE);
    this.#frames.set(base, frame);
    return frame;
  }

  /** Null: no translation of an untranslated request. */
  #pa(tlp: PasidPrefix & { at: string; address: bigint }, write: boolean): number | null {
    if (tlp.at === "translated") return Number(tlp.address);
    const entry = this.#maps.get(this.#key(tlp.pasid, tlp.address));
    return entry && (!write || entry.W) ? entry.pa + Number(tlp.address & 0xfffn) : null;
  }
  memoryRead(tlp: PasidPrefix & { at: "translated" | "untranslated"; address: bigint; length: number }): MemoryReadCompletion {
    this.tlps.push(`read ${tlp.at} ${tlp.address.toString(16)}+${tlp.length}`);
    const pa = this.#pa(tlp, false);
    if (pa === null || (pa % PAGE) + tlp.length > PAGE) return { status: "CA" };
    return { status: "SC", data: this.frame(pa).slice(pa % PAGE, (pa % PAGE) + tlp.length) };
  }
  memoryWrite(tlp: PasidPrefix & { at: "translated" | "untranslated"; address: bigint; data: Uint8Array }): MemoryWriteOutcome {
    this.tlps.push(`write ${tlp.at} ${tlp.address.toString(16)}+${tlp.data.length}`);
    if (tlp.at === "untranslated" && tlp.address === MSI_ADDRESS && tlp.pasid === null) {
      this.msis.push(tlp.data[0]);
      return { status: "SC" };
    }
    const pa = this.#pa(tlp, true);
    if (pa === null || (pa % PAGE) + tlp.data.length > PAGE) return { status: "CA" };
    this.frame(pa).set(tlp.data, pa % PAGE);
    return { status: "SC" };
  }
  translationRequest(tlp: PasidPrefix & { address: bigint; count: number; noWrite: boolean }): TranslationCompletion {
    this.tlps.push(`translate ${tlp.address.toString(16)}${tlp.noWrite ? " nw" : ""}`);
    if (this.translationStatus !== "SC") return { status: this.translationStatus };
    const entry = this.#maps.get(this.#key(tlp.pasid, tlp.address));
    const common = { sizeBytes: PAGE, Exe: false, Priv: tlp.priv, Global: false, N: false, U: false };
    return { status: "SC", entries: [entry ? { ...common, address: entry.pa, R: true, W: entry.W } : { ...common, address: 0, R: false, W: false }] };
  }
  pageRequest(tlp: PasidPrefix & SentPageRequest): void {
    const { pasid, priv, address, prgi, last, read, write } = tlp;
    const request = { pasid, priv, address, prgi, last, read, write };
    this.tlps.push(`page-request ${address.toString(16)} prgi ${prgi}${last ? " last" : ""}`);
    this.pageRequests.push(request);
    this.onPageRequest(request);
  }
  invalidateCompletion(tlp: { itagVector: number; count: number }): void {
    this.tlps.push(`invalidate-completion ${tlp.itagVector}`);
    this.invalidateCompletions.push(tlp);
  }
}

export class RecordingTracer implements Tracer {
  readonly events: Pick<TraceEvent, "kind" | "ids" | "fields">[] = [];
  wants(): boolean {
    return true;
  }
  emit(kind: TraceEvent["kind"], ids: TraceEvent["ids"], fields: TraceEvent["fields"] = {}): number {
    return this.events.push({ kind, ids, fields });
  }
  of(kind: string) {
    return this.events.filter((event) => event.kind === kind);
  }
}

export const endpointOptions: EndpointOptions = { bdf: 0x0008, kind: "accelerator", atc: 64, credits: 32, pagesPerGroup: 8, invalidateQueueDepth: 32, stopMarker: false };

/** An accelerator with its drivers' part done: everything enabled, MSI-X unmasked, queue q ready with its ring mapped at RING in PASID 5 + q. */
export function acceleratorRig(options: Partial<EndpointOptions> = {}) {
  const upstream = new FakeUpstream();
  const tracer = new RecordingTracer();
  const held = new Set<string>();
  const timers: { ns: number; expired: () => void }[] = [];
  const fn = new Accelerator({ ...endpointOptions, ...options }, upstream, {
    tracer,
    timer(ns, expired) {
      timers.push({ ns, expired });
      return { cancel() {} };
    },
    held: (point) => held.has(point),
    engine: testEngine,
    now: () => 0,
  });
  const rig = {
    upstream,
    tracer,
    held,
    fn,
    timers,
    write32: (offset: number, value: number) => fn.barWrite(0, offset, new Uint8Array(new Uint32Array([value]).buffer)),
    write64: (offset: number, value: bigint) => fn.barWrite(0, offset, new Uint8Array(new BigUint64Array([value]).buffer)),
    read32: (offset: number) => new DataView(fn.barRead(0, offset, 4).buffer).getUint32(0, true),
    /** Steps until nothing goes and no timer is left; the number of steps. */
    run(limit = 5000): number {
      for (let steps = 0; steps < limit; steps++) {
        if (fn.step()) continue;
        const timer = timers.shift();
        if (!timer) return steps;
        timer.expired();
      }
      throw new Error(`still busy after ${limit} steps`);
    },
    /** What the host and guest set up before a job. */
    enableFunction() {
      fn.configWrite(0x04, 2, 0x6);
      fn.configWrite(0x106, 2, 0x7); // PASID, Exe, Priv
      fn.configWrite(0x116, 2, 0x8000); // ATS
      fn.configWrite(0x12c, 4, 32); // PRI allocation
      fn.configWrite(0x124, 2, 1); // PRI
      for (let vector = 0; vector < 9; vector++) {
        rig.write64(0x8000 + 16 * vector, MSI_ADDRESS);
        rig.write32(0x8008 + 16 * vector, vector);
        rig.write32(0x800c + 16 * vector, 0);
      }
      fn.configWrite(0x82, 2, 0x8000);
      rig.write32(0x008, 1);
    },
    openQueue(q: number, pasid: number | null, ring: bigint) {
      const base = 0x1000 + 0x100 * q;
      rig.write64(base, ring);
      rig.write32(base + 0x08, 4);
      rig.write32(base + 0x0c, pasid === null ? 0 : 0x8000_0000 + pasid);
      rig.write32(base + 0x18, 0x7);
    },
    /** Answers every group whose Last was sent and that is not answered yet, with its PASID. */
    respond(code: number, from = 0) {
      for (const { last, pasid, prgi } of upstream.pageRequests.slice(from)) if (last) fn.prgResponse({ pasid, prgi, code });
    },
  };
  return rig;
}
export type AcceleratorRig = ReturnType<typeof acceleratorRig>;

/** A descriptor in literal bytes of the data sheet. */
export function descriptorBytes(d: {
  op: number;
  flags?: number;
  tag?: number;
  source?: bigint;
  destination?: bigint;
  length?: bigint;
  completion: bigint;
  pattern?: bigint;
}): Uint8Array {
  const bytes = new Uint8Array(64);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, d.op);
  view.setUint8(1, d.flags ?? 1);
  view.setUint32(4, d.tag ?? 0, true);
  [d.source, d.destination, d.length, d.completion, d.pattern].forEach((value, i) => {
    view.setBigUint64(8 + 8 * i, value ?? 0n, true);
  });
  return bytes;
}

export function completionOf(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return {
    tag: view.getUint32(0, true),
    status: bytes[4],
    bytesDone: view.getBigUint64(8, true),
    result: view.getBigUint64(16, true),
    faultAddress: view.getBigUint64(24, true),
  };
}
