import {
  CMD_CFGI_CD,
  CMD_CFGI_STE,
  CMD_SYNC,
  CMD_TLBI_NH_ALL,
  CMD_TLBI_NH_ASID,
  CMD_TLBI_NH_VA,
  CMD_TLBI_NH_VAA,
  CMD_TLBI_NSNH_ALL,
  CMD_TLBI_S2_IPA,
  CMD_TLBI_S12_VMALL,
} from "@faultline/shared/arm-smmu-v3/command.ts";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { describe, expect, it } from "vitest";
import { at, guestFrame, NestedRig, SID } from "../../../../test/support/smmu-rig.ts";
import { Smmu, type SmmuBehaviour } from "../smmu.ts";

const VA = 0x7f00_0000_0000;
const SYNC = CMD_SYNC.encode({ Opcode: 0x46 });
const read = (rig: NestedRig, address = VA, ssid: number | null = rig.ssid) =>
  rig.smmu.transact({ sid: SID, ssid, translated: false, address: BigInt(address), write: false, priv: false, exec: false });
const sizes = (tlb: number, config: number, walk: number) => ({ caches: { tlb, config, walk } });
/** Descriptors that one access reads: [stage 1, stage 2]. */
function reads(rig: NestedRig, address = VA, ssid: number | null = rig.ssid): [number, number] {
  const count: [number, number] = [0, 0];
  rig.smmu.translation.listen = (stage) => void count[stage - 1]++;
  read(rig, address, ssid);
  rig.smmu.translation.listen = undefined;
  return count;
}
const evictions = (rig: NestedRig) => rig.trace.of("cache.evicted").map(({ ids, fields }) => ({ ...ids, ...fields }));

/** The rig's memory behind an SMMU with other switches. */
function switched(rig: NestedRig, caches: { tlb: number; config: number; walk: number }, behaviour: SmmuBehaviour): Smmu {
  const none = () => {
    throw new Error("no engine");
  };
  const ports = {
    memory: rig.memory,
    host: rig.host,
    tracer: rig.trace,
    timer: () => ({ cancel() {} }),
    now: () => 0,
    held: () => false,
    engine: { sha256: none, gzip: none },
  };
  const smmu = new Smmu(rig.smmu.identity.id, caches, ports, () => undefined, behaviour);
  (rig as { smmu: Smmu }).smmu = smmu;
  rig.start();
  return smmu;
}

describe("the walk cache (Arm IHI 0070 G.b, 16.2)", () => {
  it("is off in the default machine: every miss walks from the root", () => {
    expect(defaultMachine.smmu.caches.walk).toBe(0);
    const rig = new NestedRig().start();
    rig.map(VA);
    reads(rig);
    rig.smmu.tlb.invalidateAll();
    expect(reads(rig)).toEqual([4, 20]);
  });
  it("on: the neighbour of a known page needs the two leaves alone, through three levels of prefix in each stage", () => {
    const rig = new NestedRig(sizes(65536, 65536, 1024)).start();
    const gpa = rig.map(VA + 4096);
    rig.map(VA);
    read(rig);
    expect(reads(rig, VA + 4096)).toEqual([1, 2]); // leaf of stage 1, its address and the page at stage 2
    expect(read(rig, VA + 4096)).toEqual({ pa: guestFrame(gpa) });
  });
  it("a page that shares the first level alone goes on from there, down to the start level's prefix", () => {
    const rig = new NestedRig(sizes(65536, 65536, 1024)).start();
    rig.map(VA + 2 ** 30);
    rig.map(VA);
    read(rig);
    expect(reads(rig, VA + 2 ** 30)).toEqual([3, 4]);
  });
  it("keeps hierarchical attributes with the prefix", () => {
    const rig = new NestedRig(sizes(0, 65536, 1024)).start();
    rig.map(VA);
    const root = new Uint32Array(2);
    const slot = rig.stage1.root + (Math.floor(VA / 2 ** 39) % 512) * 8;
    rig.guest.load64(slot, root);
    rig.guest.store64(slot, root[0], root[1] | 0x2000_0000); // APTable[0]: no unprivileged access
    expect(read(rig)).toBe("abort");
    expect(read(rig)).toBe("abort"); // from the prefix
    expect(rig.smmu.walkCache.size).toBeGreaterThan(0);
  });
  it("an invalid table descriptor is not cached", () => {
    const rig = new NestedRig(sizes(65536, 65536, 1024)).start();
    expect(read(rig)).toBe("abort");
    const gpa = rig.map(VA);
    expect(read(rig)).toEqual({ pa: guestFrame(gpa) });
  });

  /** Page VA is mapped and known; then its last-level stage-1 table moves, with another page in the slot. Stale: the old table is still walked. */
  function moved() {
    const rig = new NestedRig(sizes(0, 65536, 1024)).start();
    const gpa = rig.map(VA);
    read(rig);
    let table = rig.stage1.root;
    const halves = new Uint32Array(2);
    let slot = 0;
    for (const shift of [39, 30, 21]) {
      slot = table + (Math.floor(VA / 2 ** shift) % 512) * 8;
      rig.guest.load64(slot, halves);
      table = (halves[1] & 0xffff) * 2 ** 32 + ((halves[0] & 0xfffff000) >>> 0);
    }
    const other = rig.guestPage();
    const newGpa = rig.guestPage();
    rig.guest.load64(table, halves);
    rig.guest.store64(other, (newGpa | (halves[0] & 0xfff)) >>> 0, halves[1]);
    rig.guest.store64(slot, (other | 3) >>> 0, Math.floor(other / 2 ** 32));
    const stale = () => {
      const result = read(rig);
      expect([guestFrame(gpa), guestFrame(newGpa)]).toContain((result as { pa: number }).pa);
      return (result as { pa: number }).pa === guestFrame(gpa);
    };
    return { rig, stale };
  }
  const nhVa = (fields: object) => CMD_TLBI_NH_VA.encode({ Opcode: 0x12, VMID: 3, ASID: 7, Addr: VA / 4096, ...fields });
  const cases: [string, Uint8Array, "stays" | "goes"][] = [
    ["NH_VA, Leaf = 1", nhVa({ Leaf: 1 }), "stays"],
    ["NH_VA, Leaf = 0", nhVa({}), "goes"],
    ["NH_VA, Leaf = 0, of another page in the same table", nhVa({ Addr: VA / 4096 + 511 }), "goes"],
    ["NH_VA, Leaf = 0, of a page in the next table", nhVa({ Addr: VA / 4096 + 512 }), "stays"],
    ["NH_VA, Leaf = 0, level 3 of 4 KiB", nhVa({ TG: 1, TTL: 3 }), "goes"],
    ["NH_VA, Leaf = 0, level 2: the level-2 table descriptor is not above it", nhVa({ TG: 1, TTL: 2 }), "stays"],
    ["NH_VA, Leaf = 0, another granule", nhVa({ TG: 3, TTL: 3 }), "stays"],
    ["NH_VA, Leaf = 0, range", nhVa({ TG: 1, NUM: 1, SCALE: 1 }), "goes"],
    ["NH_VA, Leaf = 0, another ASID", nhVa({ ASID: 8 }), "stays"],
    ["NH_VAA, Leaf = 0", CMD_TLBI_NH_VAA.encode({ Opcode: 0x13, VMID: 3, Addr: VA / 4096 }), "goes"],
    ["NH_ASID", CMD_TLBI_NH_ASID.encode({ Opcode: 0x11, VMID: 3, ASID: 7 }), "goes"],
    ["NH_ALL", CMD_TLBI_NH_ALL.encode({ Opcode: 0x10, VMID: 3 }), "goes"],
    ["NH_ALL of another VMID", CMD_TLBI_NH_ALL.encode({ Opcode: 0x10, VMID: 4 }), "stays"],
    ["S12_VMALL", CMD_TLBI_S12_VMALL.encode({ Opcode: 0x28, VMID: 3 }), "goes"],
    ["NSNH_ALL", CMD_TLBI_NSNH_ALL.encode({ Opcode: 0x30 }), "goes"],
    ["S2_IPA", CMD_TLBI_S2_IPA.encode({ Opcode: 0x2a, VMID: 3, Addr: VA / 4096 }), "stays"],
    ["CFGI_STE", CMD_CFGI_STE.encode({ Opcode: 0x03, StreamID: SID }), "stays"],
  ];
  it.each(cases)("%s: the stage-1 prefix %3$s", (_what, command, fate) => {
    const { rig, stale } = moved();
    expect(stale()).toBe(true);
    rig.command(command, SYNC);
    expect(stale()).toBe(fate === "stays");
  });
  it.each([
    ["S2_IPA, Leaf = 0, of the page", { Leaf: 0 }, 0],
    ["S2_IPA, Leaf = 1", { Leaf: 1 }, 1],
    ["S2_IPA, Leaf = 0, of another VMID", { Leaf: 0, VMID: 4 }, 1],
  ])("%s: %# the stage-2 prefix", (_what, fields, kept) => {
    const rig = new NestedRig(sizes(0, 65536, 1024));
    rig.nested({ Config: 6 });
    rig.start();
    read(rig, 0x8000_5000, null);
    rig.command(CMD_TLBI_S2_IPA.encode({ Opcode: 0x2a, VMID: 3, Addr: 0x8000_5000 / 4096, ...fields }), SYNC);
    expect(reads(rig, 0x8000_5000, null)).toEqual([0, kept ? 1 : 4]);
  });
});

describe("what an address names (4.4.1)", () => {
  /** A 2 MiB block of stage 1 over 4 KiB pages of stage 2: each page that is used is an entry of its own. */
  function splintered() {
    const rig = new NestedRig().start();
    const base = 0x4020_0000;
    rig.guest.load64(rig.stage1.root, new Uint32Array(2));
    const [l1, l2] = [rig.guestPage(), rig.guestPage()];
    const slot = (table: number, shift: number) => table + (Math.floor(VA / 2 ** shift) % 512) * 8;
    rig.guest.store64(slot(rig.stage1.root, 39), (l1 | 3) >>> 0, 0);
    rig.guest.store64(slot(l1, 30), (l2 | 3) >>> 0, 0);
    rig.guest.store64(slot(l2, 21), (base | 0xf45) >>> 0, 0);
    for (const page of [0, 7]) rig.stage2.map(base + page * 4096, at.guest + page * 4096, 4096, { read: true, write: true });
    for (const page of [0, 7]) read(rig, VA + page * 4096);
    return rig;
  }
  it("a block that stage 2 cuts into pages goes as a whole, whichever of its addresses is named", () => {
    const rig = splintered();
    expect(rig.smmu.tlb.size).toBe(2);
    rig.command(CMD_TLBI_NH_VA.encode({ Opcode: 0x12, VMID: 3, ASID: 7, Leaf: 1, Addr: VA / 4096 + 100 }), SYNC);
    expect(rig.smmu.tlb.size).toBe(0);
  });
  it("so does it for a range of that granule and level", () => {
    const rig = splintered();
    rig.command(CMD_TLBI_NH_VA.encode({ Opcode: 0x12, VMID: 3, ASID: 7, Leaf: 1, TG: 1, TTL: 2, Addr: VA / 4096 }), SYNC);
    expect(rig.smmu.tlb.size).toBe(0);
  });
  it("TTL = 3 with Leaf = 0 leaves a level-2 block: only its table descriptors are above a level-3 leaf", () => {
    const rig = splintered();
    rig.command(CMD_TLBI_NH_VA.encode({ Opcode: 0x12, VMID: 3, ASID: 7, TG: 1, TTL: 3, Addr: VA / 4096 }), SYNC);
    expect(rig.smmu.tlb.size).toBe(2);
  });
});

describe("VMID wildcards (IDR0.VMW, CR0.VMW; 6.3.9.2)", () => {
  const VMW = (value: number) => 0x1f + (value << 6);
  /** Whether an entry of VMID 3 outlives TLBI_NH_ALL of `vmid`. */
  const survives = (vmw: number, vmid: number, options = { vmw: true }) => {
    const rig = new NestedRig(options).start({ cr0: VMW(vmw) });
    rig.map(VA);
    read(rig);
    rig.command(CMD_TLBI_NH_ALL.encode({ Opcode: 0x10, VMID: vmid }), SYNC);
    return rig.smmu.tlb.size === 1;
  };
  it("that many low bits of the VMID are not compared by an invalidation", () => {
    expect([0, 1, 2].map((vmw) => survives(vmw, 2))).toEqual([true, false, false]);
    expect([1, 2, 3, 4].map((vmw) => survives(vmw, 3 + 8))).toEqual([true, true, true, false]);
    expect(survives(4, 3 + 16)).toBe(true);
  });
  it("5 to 7 behave as 0", () => expect([5, 6, 7].map((vmw) => survives(vmw, 2))).toEqual([true, true, true]));
  it("a lookup compares all of them", () => {
    const rig = new NestedRig({ vmw: true }).start({ cr0: VMW(4) });
    rig.map(VA);
    read(rig);
    rig.stage1.unmap(VA, 4096);
    rig.nested({ S2VMID: 2 });
    rig.command(CMD_CFGI_STE.encode({ Opcode: 0x03, StreamID: SID, Leaf: 1 }), SYNC);
    expect(read(rig)).toBe("abort");
  });
  it("CR0ACK shows VMW, and both are RES0 without IDR0.VMW", () => {
    const [has, hasNot] = [new NestedRig({ vmw: true }), new NestedRig()].map((rig) => rig.start({ cr0: VMW(3) }));
    expect([has.read("CR0"), has.read("CR0ACK")]).toEqual([VMW(3), VMW(3)]);
    expect([hasNot.read("CR0"), hasNot.read("CR0ACK")]).toEqual([0x1f, 0x1f]);
    expect(survives(4, 2, { vmw: false })).toBe(true);
  });
});

describe("cache sizes (16.2)", () => {
  it("0: nothing is kept, so nothing is evicted", () => {
    const rig = new NestedRig(sizes(0, 0, 0)).start();
    const gpa = rig.map(VA);
    expect(read(rig)).toEqual({ pa: guestFrame(gpa) });
    expect([rig.smmu.tlb.size, rig.smmu.walkCache.size, rig.smmu.configurationCache.size]).toEqual([0, 0, { stes: 0, cds: 0, l1cds: 0 }]);
    expect(evictions(rig)).toEqual([]);
  });
  it("a full TLB evicts its oldest entry, and the trace says which", () => {
    const rig = new NestedRig(sizes(1, 65536, 0)).start();
    rig.map(VA);
    rig.map(VA + 4096);
    read(rig);
    read(rig, VA + 4096);
    expect(evictions(rig)).toEqual([{ vmid: 3, asid: 7, iova: "0x7f0000000000", cache: "tlb" }]);
    expect(rig.smmu.tlb.size).toBe(1);
  });
  it("names the IPA of an evicted stage-2 entry", () => {
    const rig = new NestedRig(sizes(1, 65536, 0));
    rig.nested({ Config: 6 });
    rig.start();
    for (const ipa of [0x8000_1000, 0x8000_2000]) read(rig, ipa, null);
    expect(evictions(rig)).toEqual([{ vmid: 3, ipa: "0x80001000", cache: "tlb" }]);
  });
  it("the configuration cache counts CDs of all streams together", () => {
    const rig = new NestedRig(sizes(65536, 1, 0));
    rig.ste({ Config: 5, S1ContextPtr: rig.memory.base / 64 + 0x100 }, SID + 1);
    rig.start();
    read(rig, VA, rig.ssid);
    rig.smmu.transact({ sid: SID + 1, ssid: null, translated: false, address: 0n, write: false, priv: false, exec: false });
    expect(rig.smmu.configurationCache.size).toEqual({ stes: 1, cds: 1, l1cds: 0 });
    expect(evictions(rig)).toEqual([
      { sid: "0x8", ssid: 0, cache: "config" },
      { sid: "0x8", ssid: 5, cache: "config" },
    ]);
  });
  it("a walk cache of two entries still leads to the right page", () => {
    const rig = new NestedRig(sizes(0, 65536, 2)).start();
    const pages = [0, 1, 512, 513].map((n) => [VA + n * 4096, rig.map(VA + n * 4096)] as const);
    for (const [address, gpa] of [...pages, ...pages]) expect(read(rig, address)).toEqual({ pa: guestFrame(gpa) });
    expect(evictions(rig)[0]).toHaveProperty("cache", "walk");
  });
});

describe("switches of defects.ts", () => {
  it("M-never-evict: the entry too many is not kept, and the hardware says which cache was full", () => {
    const rig = new NestedRig();
    const smmu = switched(rig, { tlb: 1, config: 8, walk: 0 }, { switches: new Set(["M-never-evict"]) });
    const gpa = rig.map(VA);
    rig.map(VA + 4096);
    read(rig);
    expect(smmu.exhausted).toBeNull();
    expect(read(rig, VA + 4096)).toHaveProperty("pa");
    expect(smmu.exhausted).toEqual({ cache: "tlb", capacity: 1 });
    rig.stage1.unmap(VA, 4096);
    expect(read(rig)).toEqual({ pa: guestFrame(gpa) }); // the first entry was kept
    expect(evictions(rig)).toEqual([]);
    smmu.reset();
    expect(smmu.exhausted).toBeNull();
  });
  it("M-never-evict counts the configuration cache too, and a cache that is off is never full", () => {
    const rig = new NestedRig();
    const smmu = switched(rig, { tlb: 0, config: 1, walk: 0 }, { switches: new Set(["M-never-evict"]) });
    rig.map(VA);
    read(rig);
    expect(smmu.exhausted).toBeNull();
    read(rig, VA, 6);
    expect(smmu.exhausted).toEqual({ cache: "config", capacity: 1 });
  });
  const overInvalidation: [string, Uint8Array][] = [
    ["a TLBI of another VMID", CMD_TLBI_NH_ALL.encode({ Opcode: 0x10, VMID: 9 })],
    ["a CFGI of another stream", CMD_CFGI_CD.encode({ Opcode: 0x05, StreamID: 1 })],
  ];
  it.each(overInvalidation)("M-over-invalidate: %s empties every cache; without the switch it empties none", (_what, command) => {
    const left = (switches: string[]) => {
      const rig = new NestedRig();
      const smmu = switched(rig, { tlb: 8, config: 8, walk: 8 }, { switches: new Set(switches) });
      rig.map(VA);
      read(rig);
      rig.command(command);
      return [smmu.tlb.size > 0, smmu.walkCache.size > 0, smmu.configurationCache.size.cds > 0];
    };
    expect(left(["M-over-invalidate"])).toEqual([false, false, false]);
    expect(left([])).toEqual([true, true, true]);
  });
  it("M-over-invalidate: an illegal command empties nothing", () => {
    const rig = new NestedRig();
    const smmu = switched(rig, { tlb: 8, config: 8, walk: 0 }, { switches: new Set(["M-over-invalidate"]) });
    rig.map(VA);
    read(rig);
    rig.command(CMD_CFGI_CD.encode({ Opcode: 0x05, StreamID: 1, SSec: 1 }));
    expect(smmu.tlb.size).toBe(1);
  });
});
