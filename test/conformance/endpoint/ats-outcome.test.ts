import type { CD } from "@faultline/shared/arm-smmu-v3/context-descriptor.ts";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { idRegisters } from "@faultline/smmu/core/identity.ts";
import type { TranslationCompletion } from "@faultline/smmu/core/link.ts";
import { describe, expect, it } from "vitest";
import { GPA, guestFrame, NestedRig, at as nested, SID } from "../../support/smmu-rig.ts";
import { at, EndpointRig } from "./endpoint-rig.ts";

const VA = 0x7f00_0000_0000;
const PASID = 5;
const F_BAD_ATS_TREQ = 0x05,
  F_TRANSL_FORBIDDEN = 0x07;
/** R, W, Exe and Priv of the only entry. */
const bits = (completion: TranslationCompletion): string =>
  completion.status === "SC" ? completion.entries.map(({ R, W, Exe, Priv }) => [R, W, Exe, Priv].map(Number).join(" ")).join(", ") : completion.status;

/** Bits of a stage-1 leaf (VMSAv8-64). */
const LEAF = { AP1: 1n << 6n, AP2: 1n << 7n, AF: 1n << 10n, DBM: 1n << 51n, PXN: 1n << 53n, UXN: 1n << 54n };
const EXECUTABLE = LEAF.AF;
/** [AP[2:1], execute] of the page, as the table of 13.6.4 names them. */
const PAGE = {
  "U-RO P-RO X": LEAF.AP2 | LEAF.AP1 | EXECUTABLE,
  "U-RW P-RW X": LEAF.AP1 | EXECUTABLE,
  "U-RW P-RW XN": LEAF.AP1 | LEAF.UXN | LEAF.PXN | LEAF.AF,
  "U-X only, P-RW X": EXECUTABLE,
  "U-none, P-RW XN": LEAF.UXN | LEAF.PXN | LEAF.AF,
} as const;
const RULED = LEAF.AP1 | LEAF.AP2 | LEAF.AF | LEAF.DBM | LEAF.PXN | LEAF.UXN;

const OVERRIDES = { idr: { IDR1: idRegisters(defaultMachine.smmu).IDR1 + 2 ** 26 } };
function rigWith(page: bigint | null, ste: Parameters<EndpointRig["ste"]>[1] = {}, cd: Parameters<typeof CD.encode>[0] = {}) {
  const rig = new EndpointRig([{ kind: "scripted" }], OVERRIDES);
  rig.ste(SID, ste);
  rig.cd(PASID, cd);
  const pa = rig.map(VA);
  const leaf = rig.leaf(VA);
  if (page === null) rig.write64(leaf, 0n);
  else rig.write64(leaf, (rig.read64(leaf) & ~RULED) | page);
  return { rig, leaf, pa };
}
const ask = (rig: EndpointRig, [noWrite, exec, priv]: readonly number[], pasid: number | undefined = PASID): TranslationCompletion =>
  rig.scripted().translate({ pasid, address: BigInt(VA), noWrite: noWrite === 1, exec: exec === 1, priv: priv === 1 });

describe("permissions of a completion by (NW, Exe, Priv) and page (Arm IHI 0070 G.b, 13.6.4; spec/smmuv3.md, 8.3)", () => {
  const rows: [request: readonly number[], page: keyof typeof PAGE | "fault", entry: string, ste?: object][] = [
    [[1, 0, 0], "U-RO P-RO X", "1 0 0 0"],
    [[0, 0, 0], "U-RO P-RO X", "1 0 0 0"],
    [[0, 0, 0], "U-RW P-RW X", "1 1 0 0"],
    [[1, 1, 0], "U-RW P-RW XN", "1 1 0 0"],
    [[0, 1, 0], "U-RW P-RW X", "1 1 1 0"],
    [[0, 1, 0], "U-X only, P-RW X", "0 0 0 0"],
    [[0, 0, 1], "U-none, P-RW XN", "1 1 0 1"],
    [[0, 1, 1], "U-X only, P-RW X", "1 1 1 1"],
    [[0, 0, 0], "U-none, P-RW XN", "0 0 0 0"],
    [[0, 1, 1], "U-RW P-RW X", "1 1 0 1"],
    [[0, 0, 0], "fault", "0 0 0 0"],
    [[0, 0, 1], "fault", "0 0 0 1"],
    // PRIVCFG: permissions are those of the overridden privilege, Priv is the request's.
    [[0, 0, 1], "U-RO P-RO X", "1 0 0 1", { PRIVCFG: 2 }],
    [[0, 0, 1], "U-none, P-RW XN", "0 0 0 1", { PRIVCFG: 2 }],
    [[0, 0, 0], "U-none, P-RW XN", "1 1 0 0", { PRIVCFG: 3 }],
    // INSTCFG = instruction: R is execute permission, execute-only pages are granted; data: execute permission is not asked for.
    [[0, 0, 0], "U-X only, P-RW X", "1 0 0 0", { INSTCFG: 3 }],
    [[0, 1, 0], "U-X only, P-RW X", "1 0 1 0", { INSTCFG: 3 }],
    [[0, 1, 0], "U-RW P-RW XN", "0 1 0 0", { INSTCFG: 3 }],
    [[0, 1, 0], "U-RW P-RW XN", "1 1 1 0", { INSTCFG: 2 }],
  ];
  for (const [request, page, entry, ste] of rows) {
    it(`(${request.join(", ")}) ${page}${ste ? ` with ${JSON.stringify(ste)}` : ""}: R W Exe Priv = ${entry}`, () => {
      const { rig } = rigWith(page === "fault" ? null : PAGE[page], ste);
      expect(bits(ask(rig, request))).toBe(entry);
      expect(rig.events()).toEqual([]);
    });
  }
  it("without PASID Exe and Priv are 0, whatever the endpoint wanted", () => {
    const { rig } = rigWith(null, { S1DSS: 1 });
    expect(bits(rig.scripted().translate({ address: BigInt(VA), exec: true, priv: true }))).toBe("1 1 0 0");
  });
  it("U, N and Global are 0", () => {
    const { rig } = rigWith(PAGE["U-RW P-RW X"]);
    expect(ask(rig, [0, 0, 0])).toMatchObject({ entries: [{ U: false, N: false, Global: false }] });
  });
  it("overrides do nothing without IDR1.ATTR_PERMS_OVR", () => {
    const rig = new EndpointRig([{ kind: "scripted" }]);
    rig.ste(SID, { PRIVCFG: 3, INSTCFG: 3 });
    rig.map(VA);
    const leaf = rig.leaf(VA);
    rig.write64(leaf, (rig.read64(leaf) & ~RULED) | PAGE["U-X only, P-RW X"]);
    expect(bits(ask(rig, [0, 0, 0]))).toBe("0 0 0 0");
  });
});

describe("access flag and dirty state in a translation request (3.13, 13.6; spec/smmuv3.md, 8.3)", () => {
  const CLEAN = LEAF.AP1 | LEAF.AP2 | LEAF.DBM | LEAF.AF;
  const rows: [string, bigint, object, readonly number[], entry: string, leafAfter: bigint][] = [
    ["a grant sets AF with HA", PAGE["U-RW P-RW X"] & ~LEAF.AF, { HA: 1 }, [0, 0, 0], "1 1 0 0", PAGE["U-RW P-RW X"]],
    ["nothing granted leaves AF alone", PAGE["U-none, P-RW XN"] & ~LEAF.AF, { HA: 1 }, [0, 0, 0], "0 0 0 0", PAGE["U-none, P-RW XN"] & ~LEAF.AF],
    ["AF = 0 without HA is F_ACCESS: no access", PAGE["U-RW P-RW X"] & ~LEAF.AF, {}, [0, 0, 0], "0 0 0 0", PAGE["U-RW P-RW X"] & ~LEAF.AF],
    ["NW = 0 makes a writable-clean page dirty and grants W", CLEAN, { HA: 1, HD: 1 }, [0, 0, 0], "1 1 0 0", CLEAN & ~LEAF.AP2],
    ["NW = 1 never makes it dirty, and W is 0", CLEAN, { HA: 1, HD: 1 }, [1, 0, 0], "1 0 0 0", CLEAN],
    ["without HD a writable-clean page is read-only", CLEAN, { HA: 1 }, [0, 0, 0], "1 0 0 0", CLEAN],
  ];
  for (const [name, page, cd, request, entry, after] of rows) {
    it(name, () => {
      const { rig, leaf } = rigWith(page, {}, cd);
      expect(bits(ask(rig, request))).toBe(entry);
      expect(rig.read64(leaf) & RULED).toBe(after);
      expect(rig.events()).toEqual([]);
    });
  }
});

describe("ATS outcome table: success without access and without an event, stage 1 (spec/smmuv3.md, 8.2)", () => {
  it.each<[string, (rig: EndpointRig, leaf: number) => void, bigint]>([
    ["F_TRANSLATION: no descriptor", (rig, leaf) => rig.write64(leaf, 0n), BigInt(VA)],
    ["F_TRANSLATION: EPD1 = 1, an address of TTB1", () => {}, 0xffff_8000_0000_0000n],
    ["F_TRANSLATION: an address beyond T0SZ", () => {}, 0x0001_0000_0000_0000n],
    ["F_ADDR_SIZE: the page is beyond CD.IPS", (rig, leaf) => rig.write64(leaf, (rig.read64(leaf) & 0xfffn) | (1n << 32n)), BigInt(VA)],
    ["F_ACCESS: AF = 0, HA = 0", (rig, leaf) => rig.write64(leaf, rig.read64(leaf) & ~LEAF.AF), BigInt(VA)],
    ["F_PERMISSION: nothing for this privilege", (rig, leaf) => rig.write64(leaf, (rig.read64(leaf) & ~RULED) | PAGE["U-none, P-RW XN"]), BigInt(VA)],
  ])("%s", (_name, prepare, address) => {
    const { rig, leaf } = rigWith(PAGE["U-RW P-RW X"], {}, { IPS: 0 });
    prepare(rig, leaf);
    const completion = rig.scripted().translate({ pasid: PASID, address });
    expect([bits(completion), rig.events()]).toEqual(["0 0 0 0", []]);
    expect(completion).toMatchObject({ entries: [{ sizeBytes: 4096 }] });
  });
  it("CD.A, CD.R and CD.S do not change that: no stall, no RAZ/WI, no event (13.6.2)", () => {
    const { rig } = rigWith(null, { S1STALLD: 0 }, { A: 0, R: 1, S: 1 });
    expect([bits(ask(rig, [0, 0, 0])), rig.events()]).toEqual(["0 0 0 0", []]);
  });
});

describe("ATS outcome table: success without access and without an event, stage 2 (spec/smmuv3.md, 8.2)", () => {
  const nowhere = 0x1_0000_0000;
  const request = (rig: NestedRig): TranslationCompletion =>
    rig.smmu.ats.request(SID, { pasid: rig.ssid, address: BigInt(VA), count: 1, noWrite: false, exec: false, priv: false });
  const none = { read: false, write: false };
  it.each<[string, (rig: NestedRig, gpa: number) => void]>([
    ["F_PERMISSION of a CD fetch", (rig) => rig.stage2.protect(rig.cdTable, 4096, none)],
    ["F_PERMISSION of a stage-1 descriptor", (rig) => rig.stage2.protect(rig.stage1.root, 4096, none)],
    ["F_PERMISSION of the page", (rig, gpa) => rig.stage2.protect(gpa, 4096, none)],
    [
      "F_ADDR_SIZE of the page: beyond S2PS",
      (rig, gpa) => {
        rig.nested({ S2PS: 0 });
        rig.stage2.unmap(gpa, 4096);
        rig.stage2.map(gpa, nowhere, 4096, { read: true, write: true });
      },
    ],
  ])("%s", (_name, prepare) => {
    const rig = new NestedRig().start();
    prepare(rig, rig.map(VA));
    expect([bits(request(rig)), rig.events()]).toEqual(["0 0 0 0", []]);
  });
  it("a page that stage 1 does not grant is not translated at stage 2: no CA for a page without memory behind it (13.6.2)", () => {
    const rig = new NestedRig().start();
    const gpa = rig.map(VA);
    rig.stage1.unmap(VA, 4096);
    rig.stage1.map(VA, gpa, 4096, { read: true, write: true, user: false });
    rig.stage2.unmap(gpa, 4096);
    expect([bits(request(rig)), rig.events()]).toEqual(["0 0 0 0", []]);
  });
});

describe("requests without PASID (S1DSS; spec/smmuv3.md, 8.3)", () => {
  it("Config = 101, S1DSS = 1: an identity translation, R and W, that does not reach beyond OAS", () => {
    const { rig } = rigWith(null, { S1DSS: 1 });
    const completion = rig.scripted().translate({ address: 0x12_3456_7000n });
    if (completion.status !== "SC") throw new Error(completion.status);
    const [{ address, sizeBytes, R, W, Exe, Priv, U }] = completion.entries;
    expect([R, W, Exe, Priv, U]).toEqual([true, true, false, false, false]);
    expect(address + (0x12_3456_7000 % sizeBytes)).toBe(0x12_3456_7000);
    expect(sizeBytes).toBeLessThanOrEqual(2 ** 48);
  });
  it("Config = 101, S1DSS = 1: an input at or above 2^IAS is answered without access", () => {
    const { rig } = rigWith(null, { S1DSS: 1 });
    expect([bits(rig.scripted().translate({ address: 1n << 48n })), rig.events()]).toEqual(["0 0 0 0", []]);
  });
  it.each([
    ["EATS = 1: the PA that stage 2 gives", 1, guestFrame(GPA + 0x3000)],
    ["EATS = 2: the IPA, with the permissions of stage 2", 2, GPA + 0x3000],
  ])("Config = 111, S1DSS = 1, %s", (_name, EATS, address) => {
    const rig = new NestedRig().start();
    rig.nested({ S1DSS: 1, EATS });
    rig.stage2.protect(GPA + 0x3000, 4096, { read: true, write: false });
    const completion = rig.smmu.ats.request(SID, { pasid: null, address: BigInt(GPA + 0x3000), count: 1, noWrite: false, exec: false, priv: false });
    expect(completion).toMatchObject({ status: "SC", entries: [{ address, R: true, W: false, sizeBytes: 4096 }] });
  });
});

describe("requests of several translations (PCIe 10.2.1; spec/smmuv3.md, 8.2)", () => {
  it("pages are answered each on its own, all of one size", () => {
    const { rig } = rigWith(PAGE["U-RW P-RW X"]);
    rig.map(VA + 2 * 4096, false);
    const completion = rig.scripted().translate({ pasid: PASID, address: BigInt(VA), count: 4 });
    expect(bits(completion)).toBe("1 1 0 0, 0 0 0 0, 1 0 0 0, 0 0 0 0");
    expect(completion).toMatchObject({ entries: [4096, 4096, 4096, 4096].map((sizeBytes) => ({ sizeBytes })) });
  });
  it("translations are an STU apart, and an answer without access has its size: the smallest granule of IDR5 (3.9.1; PCIe 10.2.1)", () => {
    for (const [granules, stu] of [
      [["4K", "64K"], 4096],
      [["16K", "64K"], 16_384],
      [["64K"], 65_536],
    ] as const) {
      const rig = new EndpointRig([{ kind: "scripted" }], { smmu: { granules: [...granules] } });
      rig.ste(SID, { S1DSS: 1 });
      const [first, second] = [0x4010_0000n, 0xffff_0000_0000_0000n].map((address) => rig.scripted().translate({ address, count: 2 }));
      expect(first).toMatchObject({ status: "SC", entries: [0, 1].map((n) => ({ address: 0x4010_0000 + n * stu, sizeBytes: stu, R: true })) });
      expect(second).toMatchObject({ status: "SC", entries: [0, 1].map(() => ({ sizeBytes: stu, R: false, W: false })) });
    }
  });
  it("an error of one page is the whole request's: CA", () => {
    const { rig } = rigWith(PAGE["U-RW P-RW X"]);
    const directory = rig.stage1.root + Math.floor((VA + 2 ** 39) / 2 ** 39) * 8;
    rig.write64(directory, 0x1_0000_0003n); // a table that is not RAM
    const completion = rig.scripted().translate({ pasid: PASID, address: BigInt(VA + 2 ** 39 - 4096), count: 2 });
    expect([completion, rig.events()]).toEqual([{ status: "CA" }, [0x0b]]);
  });
});

describe("EATS and ATSCHK (3.9.2, 13.7; spec/smmuv3.md, 8.1 and 8.4)", () => {
  const write = { write: true, bytes: Uint8Array.of(1) } as const;
  const CHECKED = 0x1f,
    UNCHECKED = 0x0f,
    OFF = 0x1e;
  it.each<[string, object, number, string, number[], "SC" | "CA", number[]]>([
    ["EATS = 00", { EATS: 0 }, CHECKED, "UR", [F_BAD_ATS_TREQ], "CA", [F_TRANSL_FORBIDDEN]],
    ["EATS = 00, ATSCHK = 0", { EATS: 0 }, UNCHECKED, "UR", [F_BAD_ATS_TREQ], "SC", []],
    ["EATS = 01", { EATS: 1 }, CHECKED, "1 1 0 0", [], "SC", []],
    ["EATS = 01, ATSCHK = 0", { EATS: 1 }, UNCHECKED, "1 1 0 0", [], "SC", []],
    ["EATS = 11 without DPT", { EATS: 3 }, CHECKED, "UR", [F_BAD_ATS_TREQ], "CA", [F_TRANSL_FORBIDDEN]],
    ["EATS = 11, ATSCHK = 0", { EATS: 3 }, UNCHECKED, "UR", [F_BAD_ATS_TREQ], "SC", []],
    ["Config = 100", { Config: 4 }, CHECKED, "UR", [F_BAD_ATS_TREQ], "CA", [F_TRANSL_FORBIDDEN]],
    ["Config = 000", { Config: 0 }, CHECKED, "UR", [], "CA", []],
    ["SMMUEN = 0", {}, OFF, "UR", [F_BAD_ATS_TREQ], "CA", [F_TRANSL_FORBIDDEN]],
    ["STE.V = 0", { V: 0 }, CHECKED, "CA", [0x04], "CA", [0x04]],
  ])("%s: what a translation request and a Translated write get", (_name, ste, cr0, request, requestEvents, translated, translatedEvents) => {
    const { rig } = rigWith(PAGE["U-RW P-RW X"], ste);
    rig.write("CR0", cr0);
    expect([bits(ask(rig, [0, 0, 0])), rig.events()]).toEqual([request, requestEvents]);
    expect([rig.scripted().translatedDma({ pa: BigInt(at.pages), ...write }).status, rig.events()]).toEqual([translated, translatedEvents]);
  });
  it("F_BAD_ATS_TREQ has stream, PASID and page of the request (7.3.6); Span, R, W, X and PRIV have no published place and are not compared (spec/smmuv3.md, 5.2)", () => {
    for (const [pasid, dw0] of [
      [PASID, 0x0000_0010_0000_0805n | (BigInt(PASID) << 12n)],
      [undefined, 0x0000_0010_0000_0005n],
    ] as const) {
      const rig = new EndpointRig([{ kind: "scripted", bdf: 0x10 }]);
      rig.ste(0x10, { EATS: 0 });
      rig.scripted(0x10).translate({ ...(pasid === undefined ? {} : { pasid, priv: true, exec: true }), address: 0xffff_8000_1234_5678n, count: 3, noWrite: true });
      const record = new DataView(rig.memory.read(at.eventq, 32)!.buffer);
      expect([record.getBigUint64(0, true), record.getBigUint64(16, true), record.getBigUint64(24, true)]).toEqual([dw0, 0xffff_8000_1234_5000n, 0n]);
    }
  });
  it("EATS = 10, ATSCHK = 0: a request gets UR, a Translated access passes unchecked", () => {
    const rig = new NestedRig().start({ cr0: UNCHECKED });
    rig.nested({ EATS: 2 });
    rig.map(VA);
    expect(rig.smmu.ats.request(SID, { pasid: 5, address: BigInt(VA), count: 1, noWrite: false, exec: false, priv: false })).toEqual({ status: "UR" });
    expect(rig.smmu.transact({ sid: SID, ssid: null, translated: true, address: BigInt(nested.guest), write: false, priv: false, exec: false })).toEqual({
      pa: nested.guest,
    });
  });
  it("a StreamID beyond the table: CA and C_BAD_STREAMID only with RECINVSID for a request, with REC_CFG_ATS alone for a Translated access", () => {
    for (const [cr2, events] of [
      [0xa, [[0x02], [0x02]]],
      [0x8, [[], [0x02]]],
      [0x2, [[], []]],
    ] as const) {
      const rig = new EndpointRig([{ kind: "scripted", bdf: 0x100 }], { cr2 });
      const fn = rig.scripted(0x100);
      expect(fn.translate({ pasid: PASID, address: 0n }).status).toBe("CA");
      const requested = rig.events();
      expect(fn.translatedDma({ pa: BigInt(at.pages), ...write }).status).toBe("CA");
      expect([requested, rig.events()]).toEqual(events);
    }
  });
  it("a Translated access above OAS aborts without an event", () => {
    const { rig } = rigWith(PAGE["U-RW P-RW X"]);
    expect([rig.scripted().translatedDma({ pa: 1n << 48n, ...write }).status, rig.events()]).toEqual(["CA", []]);
  });
});
