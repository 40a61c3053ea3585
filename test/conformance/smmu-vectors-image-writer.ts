/**
 * Writes an image of an SMMU at work as software would have left it: nothing here is shared with the product, and what an access leads to is known from what was
 * mapped, never from a walk. Offsets and bits: spec/smmuv3.md (1.2, 2, 3), spec/page-tables.md. Addresses are BigInt; granule 4 KiB, four levels.
 */
export interface Image {
  format: "smmu-image/1";
  registers: Record<string, string>;
  memory: [string, string][];
  translations: { sid: number; ssid: number | null; iova: string; write: boolean; pa: string | null }[];
  [comment: string]: unknown;
}

const PAGE = 4096n;
const hex = (value: bigint): string => `0x${value.toString(16)}`;
/** mulberry32: the image is a function of its seed. */
const generator = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return (t ^ (t >>> 14)) >>> 0;
};

/** Streams of the image. */
export const SID = { bypass: 0x10, stage1: 0x1234, stage2: 0x2345, nested: 0x3456, aborts: 0x3457, noTable: 0x4000 } as const;
const SSIDS = 16;

class Memory {
  readonly frames = new Map<bigint, Buffer>();
  readonly #random: () => number;
  readonly #taken = new Set<bigint>();

  constructor(random: () => number) {
    this.#random = random;
  }
  /** A free frame anywhere from 2^40 to 2^48, aligned to `size`. */
  frame(size = PAGE): bigint {
    for (;;) {
      const address = (((BigInt(this.#random()) << 16n) | BigInt(this.#random() & 0xffff)) / size) * size;
      if (address < 1n << 40n || this.#taken.has(address)) continue;
      this.#taken.add(address);
      return address;
    }
  }
  at(address: bigint): Buffer {
    const frame = address - (address % PAGE);
    let bytes = this.frames.get(frame);
    if (!bytes) this.frames.set(frame, (bytes = Buffer.alloc(4096)));
    return bytes;
  }
  put(address: bigint, doubleword: bigint): void {
    this.at(address).writeBigUInt64LE(BigInt.asUintN(64, doubleword), Number(address % PAGE));
  }
  get(address: bigint): bigint {
    return this.at(address).readBigUInt64LE(Number(address % PAGE));
  }
}

/** Descriptors: bits 1:0 = 11 table or page, 01 block; AF 10. */
const TABLE = 0b11n;
/** Stage 1: AP[1] unprivileged access, AP[2] read only, nG. */
const S1 = { rw: 0x440n | 0x800n, ro: 0x4c0n | 0x800n };
/** Stage 2: S2AP 01 read, 11 both; MemAttr Normal. */
const S2 = { rw: 0x4fcn, ro: 0x47cn };

/** A four-level table. `real` gives the PA behind a table's own address, `allocate` new tables. */
class Tables {
  readonly root: bigint;
  readonly #memory: Memory;
  readonly #allocate: () => bigint;
  readonly #real: (address: bigint) => bigint;

  constructor(memory: Memory, allocate: () => bigint, real: (address: bigint) => bigint = (address) => address) {
    this.#memory = memory;
    this.#allocate = allocate;
    this.#real = real;
    this.root = allocate();
    memory.at(real(this.root));
  }
  /** `lastLevel` 3: a page; 2: a block of 2 MiB. */
  map(input: bigint, output: bigint, attributes: bigint, lastLevel: 2 | 3 = 3): void {
    let table = this.root;
    for (let level = 0; ; level++) {
      const entry = this.#real(table) + ((input >> BigInt(39 - 9 * level)) & 511n) * 8n;
      if (level === lastLevel) return this.#memory.put(entry, output | attributes | (level === 3 ? TABLE : 1n));
      if (this.#memory.get(entry) === 0n) this.#memory.put(entry, this.#allocate() | TABLE);
      table = this.#memory.get(entry) & 0xffff_ffff_f000n;
    }
  }
}

/** `pages` mapped pages of the stage-1, of the stage-2 and of each substream of the nested stream; `data`: their contents are in the image. */
export function writeImage({ pages, seed, data = false }: { pages: number; seed: number; data?: boolean }): Image {
  const random = generator(seed);
  const memory = new Memory(random);
  const translations: Image["translations"] = [];
  const access = (sid: number, ssid: number | null, iova: bigint, write: boolean, pa: bigint | null) =>
    void translations.push({ sid, ssid, iova: hex(iova), write, pa: pa === null ? null : hex(pa) });
  const fill = (frame: bigint) => data && memory.at(frame).fill(random() & 0xff);
  const inPage = (): bigint => BigInt(random() % 4096);
  const input = (): bigint => (((BigInt(random()) << 15n) | BigInt(random() & 0x7fff)) / PAGE) * PAGE;

  // Stream table: two levels, SPLIT 8: 256 L1STDs, arrays of 256 STEs (16 KiB each, aligned to their size).
  const l1 = memory.frame();
  const steOf = (sid: number): bigint => {
    const entry = l1 + BigInt(sid >> 8) * 8n;
    if (memory.get(entry) === 0n) memory.put(entry, memory.frame(16384n) | 9n);
    return (memory.get(entry) & 0xff_ffff_ffff_c000n) + BigInt(sid & 255) * 64n;
  };
  const ste = (sid: number, ...doublewords: bigint[]) => {
    for (const [n, value] of doublewords.entries()) memory.put(steOf(sid) + BigInt(n) * 8n, value);
  };
  const cd = (at: bigint, asid: bigint, root: bigint) => {
    // T0SZ 16, EPD1, V, IPS 48 bits, AA64, R, A, ASET, ASID
    memory.put(at, 16n | (1n << 30n) | (1n << 31n) | (5n << 32n) | (1n << 41n) | (7n << 45n) | (asid << 48n));
    memory.put(at + 8n, root);
  };
  // S2VMID, S2T0SZ 16, S2SL0 2 (level 0), S2PS 48 bits, S2AA64, S2R
  const stage2 = (vmid: bigint) => vmid | (16n << 32n) | (2n << 38n) | (5n << 48n) | (1n << 51n) | (1n << 58n);

  ste(SID.bypass, 1n | (0b100n << 1n));
  access(SID.bypass, null, 0x1234_5678_9abcn, true, 0x1234_5678_9abcn);
  access(SID.bypass, null, 1n << 48n, false, null); // above the OAS
  ste(SID.aborts, 1n);
  access(SID.aborts, null, 0n, false, null);
  access(SID.noTable, null, 0n, false, null);
  access(0x1_0000, null, 0n, false, null);

  // Stage 1 alone.
  const first = new Tables(memory, () => memory.frame());
  const cdAt = memory.frame();
  cd(cdAt, 1n, first.root);
  ste(SID.stage1, 1n | (0b101n << 1n) | cdAt);
  for (let n = 0; n < pages; n++) {
    const [va, frame, readOnly] = [input(), memory.frame(), n % 5 === 0];
    first.map(va, frame, readOnly ? S1.ro : S1.rw);
    fill(frame);
    const at = inPage();
    access(SID.stage1, null, va + at, false, frame + at);
    access(SID.stage1, null, va + at, true, readOnly ? null : frame + at);
  }
  const block = memory.frame(1n << 21n);
  first.map(0xffff_ffe0_0000n, block, S1.rw, 2);
  access(SID.stage1, null, 0xffff_fff1_2345n, true, block + 0x11_2345n);
  access(SID.stage1, null, 0xffff_0000_0000n, false, null);
  access(SID.stage1, 0, 0xffff_fff1_2345n, false, null); // a substream where there are none

  // Stage 2 alone.
  const second = new Tables(memory, () => memory.frame());
  ste(SID.stage2, 1n | (0b110n << 1n), 0n, stage2(2n), second.root);
  for (let n = 0; n < pages; n++) {
    const [ipa, frame, readOnly] = [input(), memory.frame(), n % 7 === 0];
    second.map(ipa, frame, readOnly ? S2.ro : S2.rw);
    fill(frame);
    const at = inPage();
    access(SID.stage2, null, ipa + at, true, readOnly ? null : frame + at);
    access(SID.stage2, null, ipa + at, false, frame + at);
  }

  // Nested, with 16 substreams: CDs and stage-1 tables lie in IPA space, page by page somewhere in memory.
  const guest = new Tables(memory, () => memory.frame());
  const realFrames = new Map<bigint, bigint>();
  const guestPage = (attributes = S2.rw): bigint => {
    for (;;) {
      const ipa = input();
      if (realFrames.has(ipa)) continue;
      realFrames.set(ipa, memory.frame());
      guest.map(ipa, realFrames.get(ipa)!, attributes);
      return ipa;
    }
  };
  const real = (ipa: bigint): bigint => realFrames.get(ipa - (ipa % PAGE))! + (ipa % PAGE);
  const cds = guestPage();
  // S1CDMax 4, linear; S1DSS 2: a transaction without substream uses CD 0
  ste(SID.nested, 1n | (0b111n << 1n) | cds | (4n << 59n), 2n, stage2(3n), guest.root);
  for (let ssid = 0; ssid < SSIDS; ssid++) {
    const tables = new Tables(memory, () => guestPage(), real);
    if (ssid !== 3) cd(real(cds) + BigInt(ssid) * 64n, BigInt(16 + ssid), tables.root);
    for (let n = 0; n < Math.ceil(pages / SSIDS); n++) {
      const readOnly = n % 6 === 0;
      const [va, ipa, at] = [input(), guestPage(readOnly ? S2.ro : S2.rw), inPage()];
      tables.map(va, ipa, S1.rw);
      fill(real(ipa));
      const pa = ssid === 3 ? null : real(ipa) + at;
      access(SID.nested, ssid === 0 ? null : ssid, va + at, false, pa);
      access(SID.nested, ssid === 0 ? null : ssid, va + at, true, readOnly ? null : pa);
    }
  }
  access(SID.nested, 0, 0n, false, null); // 0 is not a substream of its own with S1DSS 2
  access(SID.nested, SSIDS, 0n, false, null);

  const eventq = memory.frame(1n << 16n);
  return {
    format: "smmu-image/1",
    comment: { of: "test/conformance/smmu-vectors-image-writer.ts" },
    registers: {
      "0x20": "0xd", // CR0 is given first, and written last: SMMUEN, EVENTQEN, CMDQEN
      "0x24": "0xd",
      "0x0": "0xd4c101b", // S1P S2P TTF COHACC ASID16 VMID16 CD2L, no stall, 2-level stream table
      "0x4": "0x2730210", // 16 bits of StreamID, 8 of SubstreamID
      "0xc": "0x1414",
      "0x14": "0x75", // OAS 48, all granules
      "0x1c": "0x1",
      "0x44": "0x101000",
      "0x80": hex(l1),
      "0x88": hex(16n | (8n << 6n) | (1n << 16n)),
      "0x90": hex(memory.frame() | 8n),
      "0x98": "0x17",
      "0x9c": "0x17",
      "0xa0": hex(eventq | 11n),
      "0xfe0": "0xff",
    },
    memory: [...memory.frames].map(([address, bytes]) => [hex(address), bytes.toString("base64")]),
    translations,
  };
}
