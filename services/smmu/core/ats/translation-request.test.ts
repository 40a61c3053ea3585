import { EVENT, EVENT_ID } from "@faultline/shared/arm-smmu-v3/event-record.ts";
import { describe, expect, it } from "vitest";
import { at, GPA, guestFrame, NestedRig, SID } from "../../../../test/support/smmu-rig.ts";
import type { TranslationCompletion } from "../link.ts";

const VA = 0x7f00_0000_0000;
type Request = { sid?: number; pasid?: number | null; address?: number; count?: number; noWrite?: boolean; exec?: boolean; priv?: boolean };
const ask = (
  rig: NestedRig,
  { sid = SID, pasid = rig.ssid, address = VA, count = 1, noWrite = false, exec = false, priv = false }: Request = {},
): TranslationCompletion => rig.smmu.ats.request(sid, { pasid, address: BigInt(address), count, noWrite, exec, priv });
const rights = (completion: TranslationCompletion) =>
  completion.status === "SC" ? completion.entries.map(({ R, W, Exe }) => `${R ? "r" : "-"}${W ? "w" : "-"}${Exe ? "x" : "-"}`) : completion.status;
const eventIds = (rig: NestedRig) => rig.events().map((record) => Number(EVENT.decode(record).ID));

describe("ATS translation requests that succeed (Arm IHI 0070 G.b, 13.6; spec/smmuv3.md, 8.3)", () => {
  it("returns the PA of the page with its permissions", () => {
    const rig = new NestedRig().start();
    const gpa = rig.map(VA);
    expect(ask(rig)).toEqual({
      status: "SC",
      entries: [{ address: guestFrame(gpa), sizeBytes: 4096, R: true, W: true, Exe: false, Priv: false, Global: false, N: false, U: false }],
    });
    expect(rig.trace.of("ats.translation-request")).toMatchObject([
      { ids: { sid: "0x8", pasid: 5, iova: "0x7f0000000000" }, fields: { status: "SC", R: true, W: true } },
    ]);
  });
  it("a read-only page is R without W, and no event", () => {
    const rig = new NestedRig().start();
    rig.map(VA, false);
    expect([rights(ask(rig)), eventIds(rig)]).toEqual([["r--"], []]);
  });
  it("stage 2 takes permissions away", () => {
    const rig = new NestedRig().start();
    const gpa = rig.map(VA);
    rig.stage2.protect(gpa, 4096, { read: true, write: false });
    expect(rights(ask(rig))).toEqual(["r--"]);
  });
  it("each page of a request is answered on its own", () => {
    const rig = new NestedRig().start();
    rig.map(VA);
    rig.map(VA + 8192, false);
    expect(rights(ask(rig, { count: 3 }))).toEqual(["rw-", "---", "r--"]);
  });
  it("split stage (EATS = 2) returns the IPA with the permissions of both stages", () => {
    const rig = new NestedRig().start();
    rig.nested({ EATS: 2 });
    const gpa = rig.map(VA);
    expect(ask(rig)).toMatchObject({ status: "SC", entries: [{ address: gpa, R: true, W: true }] });
  });
});

describe("ATS outcome table: success without access, no event (spec/smmuv3.md, 8.2)", () => {
  const cases: [string, (rig: NestedRig) => void][] = [
    ["F_TRANSLATION at stage 1", () => {}],
    ["F_TRANSLATION at stage 2 of the page", (rig) => void rig.stage2.unmap(rig.map(VA), 4096)],
    [
      "F_TRANSLATION at stage 2 of a stage-1 table",
      (rig) => {
        rig.map(VA);
        rig.stage2.unmap(rig.stage1.root, 4096);
      },
    ],
    ["F_TRANSLATION at stage 2 of the CD", (rig) => void rig.stage2.unmap(rig.cdTable, 4096)],
  ];
  for (const [name, prepare] of cases) {
    it(name, () => {
      const rig = new NestedRig().start();
      prepare(rig);
      const completion = ask(rig);
      expect([rights(completion), eventIds(rig)]).toEqual([["---"], []]);
      expect(completion).toMatchObject({ entries: [{ sizeBytes: 4096 }] });
    });
  }
  it("is not cached: the page mapped later is found without an invalidation", () => {
    const rig = new NestedRig().start();
    ask(rig);
    rig.map(VA);
    expect(rights(ask(rig))).toEqual(["rw-"]);
  });
});

describe("ATS outcome table: UR", () => {
  it("SMMUEN = 0, EATS = 0, Config = 4: UR with F_BAD_ATS_TREQ, not gated by REC_CFG_ATS", () => {
    for (const { ste, cr0 } of [
      { ste: {}, cr0: 0x1e },
      { ste: { EATS: 0 }, cr0: 0x1f },
      { ste: { Config: 4 }, cr0: 0x1f },
    ]) {
      const rig = new NestedRig().start({ cr0, cr2: 0 });
      rig.nested(ste);
      expect([ask(rig).status, eventIds(rig)]).toEqual(["UR", [EVENT_ID.F_BAD_ATS_TREQ]]);
    }
  });
  it("EATS = 2 with ATSCHK = 0 acts as EATS = 0", () => {
    const rig = new NestedRig().start({ cr0: 0x0f });
    rig.nested({ EATS: 2 });
    expect(ask(rig).status).toBe("UR");
  });
  it("Config = 0xx: UR without an event", () => {
    const rig = new NestedRig().start();
    rig.nested({ Config: 0 });
    expect([ask(rig).status, eventIds(rig)]).toEqual(["UR", []]);
  });
});

describe("ATS outcome table: CA, recorded only with CR2.REC_CFG_ATS", () => {
  const nowhere = 0x1_0000_0000; // not RAM
  const moved = (rig: NestedRig, gpa: number) => {
    rig.stage2.unmap(gpa, 4096);
    rig.stage2.map(gpa, nowhere, 4096, { read: true, write: true });
  };
  const cases: [keyof typeof EVENT_ID, string, (rig: NestedRig) => void, Request][] = [
    ["C_BAD_STREAMID", "a StreamID beyond the table", () => {}, { sid: 64, pasid: null }],
    [
      "F_STE_FETCH",
      "a stream table that is not RAM",
      (rig) => {
        rig.write("CR0", 0x1e);
        rig.write("STRTAB_BASE", nowhere);
        rig.write("CR0", 0x1f);
      },
      {},
    ],
    ["C_BAD_STE", "STE.V = 0", (rig) => rig.nested({ V: 0 }), {}],
    ["C_BAD_SUBSTREAMID", "a PASID beyond S1CDMax", () => {}, { pasid: 64 }],
    ["F_STREAM_DISABLED", "PASID 0 with S1DSS = 2", () => {}, { pasid: 0 }],
    ["F_STREAM_DISABLED", "no PASID with S1DSS = 0", (rig) => rig.nested({ S1DSS: 0 }), { pasid: null }],
    ["C_BAD_CD", "CD.V = 0", () => {}, { pasid: 6 }],
    ["F_CD_FETCH", "a CD table that is not RAM", (rig) => moved(rig, rig.cdTable), {}],
    ["F_WALK_EABT", "a stage-1 table that is not RAM", (rig) => moved(rig, rig.stage1.root), {}],
  ];
  for (const [name, why, prepare, request] of cases) {
    it(`${name}: ${why}`, () => {
      for (const { cr2, events } of [
        { cr2: 0xa, events: [EVENT_ID[name]] },
        { cr2: 2, events: [] },
      ]) {
        const rig = new NestedRig().start({ cr2 });
        prepare(rig);
        expect([ask(rig, request).status, eventIds(rig)]).toEqual(["CA", events]);
      }
    });
  }
});

describe("Translated transactions (13.7; spec/smmuv3.md, 8.4)", () => {
  const translated = (rig: NestedRig, address: number) =>
    rig.smmu.transact({ sid: SID, ssid: null, translated: true, address: BigInt(address), write: true, priv: false, exec: false });
  it("EATS = 1: the address is the PA", () => expect(translated(new NestedRig().start(), at.guest + 8)).toEqual({ pa: at.guest + 8 }));
  it("ATSCHK = 0: no STE is looked at", () => {
    const rig = new NestedRig().start({ cr0: 0x0f });
    rig.nested({ V: 0 });
    expect(translated(rig, at.guest)).toEqual({ pa: at.guest });
  });
  it("ATSCHK = 1 and EATS = 0: abort with F_TRANSL_FORBIDDEN", () => {
    const rig = new NestedRig().start();
    rig.nested({ EATS: 0 });
    expect([translated(rig, at.guest), eventIds(rig)]).toEqual(["abort", [EVENT_ID.F_TRANSL_FORBIDDEN]]);
  });
  it("EATS = 2: the address is an IPA, and stage 2 confines it", () => {
    const rig = new NestedRig().start();
    rig.nested({ EATS: 2 });
    expect(translated(rig, GPA + 0x2008)).toEqual({ pa: guestFrame(GPA + 0x2008) });
    expect([translated(rig, at.guest), eventIds(rig)]).toEqual(["abort", [EVENT_ID.F_TRANSLATION]]);
  });
  it("Config = 0xx: silent abort; an address above OAS: abort without an event", () => {
    const rig = new NestedRig().start();
    expect(translated(rig, 2 ** 48)).toBe("abort");
    rig.smmu.configurationCache.invalidateAll();
    rig.nested({ Config: 0 });
    expect(translated(rig, at.guest)).toBe("abort");
    expect(eventIds(rig)).toEqual([]);
  });
});
