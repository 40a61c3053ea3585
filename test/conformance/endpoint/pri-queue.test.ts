import { describe, expect, it } from "vitest";
import { at, command, EndpointRig, SYNC } from "./endpoint-rig.ts";

const SID = 0x100;
const OVFLG = 2 ** 31;
const PRIQ_ABT_ERR = 8;
const NOWHERE = 0x1_0000_0000;
const SUCCESS = 0b0000,
  FAILURE = 0b1111;
/** Events by the name of what was not to be had. */
const EVENT = { C_BAD_STREAMID: 0x02, F_STE_FETCH: 0x03, C_BAD_STE: 0x04 } as const;

type Kind = "Last = 1" | "Last = 0" | "Stop Marker";
const KINDS: Kind[] = ["Last = 1", "Last = 0", "Stop Marker"];
const PASIDS = [5, null] as const;
/** Two entries in the queue. `start` prepares the row's state. */
function machine(options: ConstructorParameters<typeof EndpointRig>[1] = {}, sid = SID) {
  const rig = new EndpointRig([{ kind: "scripted", bdf: sid }], { priqLog2: 1, ...options });
  if (sid < 0x100) rig.ste(sid, { PPAR: 1 });
  return rig;
}
const send = (rig: EndpointRig, kind: Kind, pasid: number | null, prgi = 9, sid = SID) =>
  rig.scripted(sid).pageRequest({
    ...(pasid === null ? {} : { pasid }),
    prgi,
    last: kind !== "Last = 0",
    read: kind !== "Stop Marker",
    write: false,
    address: 0x7f00_0000_1000n,
  });
const responses = (rig: EndpointRig) => rig.tlps("prg-response").map(({ pasid, prgi, code }) => ({ pasid, prgi, code }));
const pointers = (rig: EndpointRig) => [rig.read("PRIQ_PROD"), rig.read("PRIQ_CONS")];

describe("PRI queue records (Arm IHI 0070 G.b, 8.1; spec/smmuv3.md, 6.1)", () => {
  it.each([
    ["R, Last, no PASID, PRG index 3, 0xabcde000", { prgi: 3, last: true, read: true, write: false, address: 0xabcde000n }, "000100000000005003e0cdab00000000"],
    ["Stop Marker of PASID 9", { pasid: 9, prgi: 0, last: true, read: false, write: false, address: 0n }, "00010000090000c00000000000000000"],
    [
      "all bits of PASID 0xfffff, privileged and execute",
      { pasid: 0xfffff, priv: true, exec: true, prgi: 0x1ff, last: true, read: true, write: true, address: 0xffff_ffff_ffff_f000n },
      "00010000ffff0ffcfff1ffffffffffff",
    ],
    ["Priv and X are 0 without PASID", { priv: true, exec: true, prgi: 0, last: false, read: false, write: true, address: 0x1000n }, "00010000000000200010000000000000"],
  ])("%s", (_name, request, bytes) => {
    const rig = machine();
    rig.scripted(SID).pageRequest(request);
    expect(Buffer.from(rig.memory.read(at.priq, 16)!).toString("hex")).toBe(bytes);
  });
});

describe("what becomes of a request (8.1, 8.2; spec/smmuv3.md, 6.2)", () => {
  const failed = (kind: Kind) => (kind === "Stop Marker" ? [] : [{ pasid: null, prgi: 9, code: FAILURE }]);
  const row1: [string, (rig: EndpointRig) => void, number][] = [
    ["PRIQEN = 0", (rig) => rig.write("CR0", 0x1d), 0],
    ["SMMUEN = 0", (rig) => rig.write("CR0", 0x1e), 0],
    [
      "PRIQ_ABT_ERR active",
      (rig) => {
        rig.write("CR0", 0x1d);
        rig.write("PRIQ_BASE", NOWHERE + 1);
        rig.write("CR0", 0x1f);
        send(rig, "Stop Marker", 5);
        expect(rig.read("GERROR")).toBe(PRIQ_ABT_ERR);
      },
      0,
    ],
  ];
  for (const pasid of PASIDS) {
    const from = pasid === null ? "without PASID" : "with PASID";
    for (const kind of KINDS) {
      if (kind === "Stop Marker" && pasid === null) continue;
      for (const [state, prepare] of row1) {
        it(`row 1, ${state}: ${kind} ${from} is discarded${kind === "Stop Marker" ? " without an answer" : " with Response Failure, no PASID"}`, () => {
          const rig = machine();
          prepare(rig);
          send(rig, kind, pasid);
          expect([responses(rig), pointers(rig)]).toEqual([failed(kind), [0, 0]]);
        });
      }
      it(`row 2: ${kind} ${from} is written and not answered`, () => {
        const rig = machine();
        send(rig, kind, pasid);
        expect([responses(rig), pointers(rig)]).toEqual([[], [1, 0]]);
        expect(rig.drainPriq()).toMatchObject([{ sid: SID, pasid, prgi: 9, last: kind !== "Last = 0", read: kind !== "Stop Marker" }]);
      });
      it(`rows 3 and 4: ${kind} ${from} that finds the queue full toggles OVFLG; it and the next are ${kind === "Last = 1" ? "answered Success" : "discarded silently"}`, () => {
        const rig = machine();
        send(rig, "Last = 0", 6);
        send(rig, "Last = 0", 6);
        send(rig, kind, pasid);
        expect(pointers(rig)).toEqual([OVFLG + 2, 0]);
        send(rig, kind, pasid);
        expect(pointers(rig)).toEqual([OVFLG + 2, 0]);
        // A StreamID beyond the table: with a PASID the STE is not to be had; see 6.3 below.
        expect(responses(rig).map(({ code }) => code)).toEqual(kind === "Last = 1" ? Array(2).fill(pasid === null ? SUCCESS : FAILURE) : []);
      });
      it(`row 4: ${kind} ${from} is refused while the overflow is active, even with space`, () => {
        const rig = machine();
        for (let n = 0; n < 3; n++) send(rig, "Last = 0", 6);
        expect(rig.drainPriq({ acknowledge: false })).toHaveLength(2);
        send(rig, kind, pasid);
        expect(pointers(rig)).toEqual([OVFLG + 2, 2]);
        rig.drainPriq();
        send(rig, kind, pasid);
        expect(pointers(rig)).toEqual([OVFLG + 3, OVFLG + 2]);
      });
      it(`row 5: the write of ${kind} ${from} aborts: PRIQ_ABT_ERR, PROD unmoved${kind === "Stop Marker" ? "" : ", Response Failure without PASID"}`, () => {
        const rig = machine();
        rig.write("CR0", 0x1d);
        rig.write("PRIQ_BASE", NOWHERE + 1);
        rig.write("CR0", 0x1f);
        send(rig, kind, pasid);
        expect([rig.read("GERROR"), pointers(rig), responses(rig)]).toEqual([PRIQ_ABT_ERR, [0, 0], failed(kind)]);
      });
    }
  }
  it("after GERRORN acknowledges PRIQ_ABT_ERR requests are written again", () => {
    const rig = machine();
    rig.write("CR0", 0x1d);
    rig.write("PRIQ_BASE", NOWHERE + 1);
    rig.write("CR0", 0x1f);
    send(rig, "Last = 1", 5);
    rig.write("CR0", 0x1d);
    rig.write("PRIQ_BASE", at.priq + 1);
    rig.write("CR0", 0x1f);
    rig.write("GERRORN", PRIQ_ABT_ERR);
    send(rig, "Last = 1", 5);
    expect([pointers(rig), responses(rig)]).toEqual([[1, 0], [{ pasid: null, prgi: 9, code: FAILURE }]]);
  });
  it("L = 1 with R = W = 0 and no PASID is an ordinary request: in an overflow it is answered", () => {
    const rig = machine();
    for (let n = 0; n < 2; n++) send(rig, "Last = 0", 6);
    rig.scripted(SID).pageRequest({ prgi: 9, last: true, read: false, write: false, address: 0n });
    expect(responses(rig)).toEqual([{ pasid: null, prgi: 9, code: SUCCESS }]);
  });
  it("the queue asks neither STE.EATS nor ATSCHK (8.1)", () => {
    const rig = machine({}, 8);
    rig.ste(8, { EATS: 0, Config: 0 });
    rig.write("CR0", 0x0f);
    send(rig, "Last = 1", 5, 9, 8);
    expect(pointers(rig)).toEqual([1, 0]);
  });
});

describe("the automatic response to an overflow (8.1; spec/smmuv3.md, 6.3)", () => {
  const NEAR = 8;
  const overflow = (rig: EndpointRig, pasid: number | null, sid = NEAR) => {
    for (let n = 0; n < 2; n++) send(rig, "Last = 0", 6, 1, sid);
    send(rig, "Last = 1", pasid, 0x155, sid);
    return responses(rig);
  };
  const PPS = { idr: { IDR3: 0x20 } };
  it.each<[string, number | null, object, (rig: EndpointRig) => void, number | null, number]>([
    ["no PASID: Success, the STE is not consulted", null, {}, (rig) => rig.ste(NEAR, { V: 0 }), null, SUCCESS],
    ["SSIDSIZE = 0: Success without PASID", 5, { smmu: { ssidBits: 0 } }, (rig) => rig.ste(NEAR, { V: 0 }), null, SUCCESS],
    ["PPS = 1: Success with PASID, the STE is not consulted", 5, PPS, (rig) => rig.ste(NEAR, { V: 0, PPAR: 0 }), 5, SUCCESS],
    ["PPS = 0, PPAR = 1: Success with PASID", 5, {}, (rig) => rig.ste(NEAR, { PPAR: 1 }), 5, SUCCESS],
    ["PPS = 0, PPAR = 0: Success without PASID", 5, {}, (rig) => rig.ste(NEAR, { PPAR: 0 }), null, SUCCESS],
    ["PPS = 0, PPAR = 1 of PASID 0: with PASID 0", 0, {}, (rig) => rig.ste(NEAR, { PPAR: 1 }), 0, SUCCESS],
    ["Config = 000 counts as valid: PPAR is taken from it", 5, {}, (rig) => rig.ste(NEAR, { Config: 0, PPAR: 1 }), 5, SUCCESS],
    ["STE.V = 0: Failure without PASID", 5, {}, (rig) => rig.ste(NEAR, { V: 0, PPAR: 1 }), null, FAILURE],
    ["an ILLEGAL STE: Failure without PASID", 5, {}, (rig) => rig.ste(NEAR, { Config: 7, PPAR: 1, S2AA64: 0 }), null, FAILURE],
  ])("%s", (_name, pasid, options, prepare, answered, code) => {
    const rig = machine(options, NEAR);
    prepare(rig);
    expect(overflow(rig, pasid)).toEqual([{ pasid: answered, prgi: 0x155, code }]);
  });
  it.each<[keyof typeof EVENT, number, (rig: EndpointRig) => void]>([
    ["C_BAD_STREAMID", SID, () => {}],
    ["C_BAD_STE", NEAR, (rig) => rig.ste(NEAR, { V: 0 })],
    [
      "F_STE_FETCH",
      NEAR,
      (rig) => {
        rig.write("CR0", 0x1e);
        rig.write("STRTAB_BASE", NOWHERE);
        rig.write("CR0", 0x1f);
      },
    ],
  ])("%s: Failure; the event needs REC_CFG_ATS, and C_BAD_STREAMID needs RECINVSID too", (event, sid, prepare) => {
    for (const cr2 of [0, 2, 8, 0xa]) {
      const rig = machine({ cr2 }, sid);
      prepare(rig);
      expect(overflow(rig, 5, sid)).toEqual([{ pasid: null, prgi: 0x155, code: FAILURE }]);
      expect(rig.events()).toEqual(cr2 === 0xa || (cr2 === 8 && event !== "C_BAD_STREAMID") ? [EVENT[event]] : []);
    }
  });
});

describe("recovery and interrupts (8.2, 6.3.34; spec/smmuv3.md, 6.4)", () => {
  it("one write of CONS with RD = PROD and OVACKFLG = OVFLG ends the overflow; the next one toggles OVFLG back", () => {
    const rig = machine();
    for (let n = 0; n < 3; n++) send(rig, "Last = 0", 6);
    expect(pointers(rig)).toEqual([OVFLG + 2, 0]);
    rig.drainPriq();
    expect(pointers(rig)).toEqual([OVFLG + 2, OVFLG + 2]);
    for (let n = 0; n < 3; n++) send(rig, "Last = 0", 6);
    expect(pointers(rig)).toEqual([0, OVFLG + 2]);
    rig.drainPriq();
    send(rig, "Last = 0", 6);
    expect(pointers(rig)).toEqual([1, 0]);
  });
  it("LO = 1: an interrupt for each Last that is written, and for each Last that an overflow discards, and for nothing else", () => {
    const rig = machine();
    rig.write("IRQ_CTRL", 5); // the register is writable while PRIQ_IRQEN = 0
    rig.write("PRIQ_IRQ_CFG2", 2 ** 31);
    rig.write("IRQ_CTRL", 7);
    const interrupts = () => rig.host.interrupts().filter((source) => source === "PRIQ").length;
    const after = (["Last = 0", "Last = 1", "Last = 0", "Stop Marker", "Last = 1"] as const).map((kind) => {
      send(rig, kind, kind === "Stop Marker" ? 5 : null);
      return interrupts();
    });
    expect(after).toEqual([0, 1, 1, 1, 2]);
  });
  it("LO = 0: an interrupt when the queue becomes non-empty, none for what is discarded", () => {
    const rig = machine();
    for (let n = 0; n < 4; n++) send(rig, "Last = 1", null);
    expect(rig.host.interrupts().filter((source) => source === "PRIQ")).toHaveLength(1);
    rig.drainPriq();
    send(rig, "Last = 1", null);
    expect(rig.host.interrupts().filter((source) => source === "PRIQ")).toHaveLength(2);
  });
  it("PRIQEN from 1 to 0 leaves PROD and what is in the queue (6.3.9)", () => {
    const rig = machine();
    send(rig, "Last = 1", 5);
    rig.write("CR0", 0x1d);
    expect([pointers(rig), rig.drainPriq().length]).toEqual([[1, 0], 1]);
  });
});

describe("CMD_PRI_RESP (4.5.2; spec/smmuv3.md, 6.4)", () => {
  const dw0 = (pasid: number | null) => 0x41n | (BigInt(SID) << 32n) | (pasid === null ? 0n : 0x800n | (BigInt(pasid) << 12n));
  it.each([
    ["Success", 0b10, 0b0000],
    ["Invalid Request", 0b01, 0b0001],
    ["Response Failure", 0b00, 0b1111],
  ])("%s: Resp %i is PRG Response Code %i", (_name, resp, code) => {
    const rig = machine();
    rig.command(command(dw0(null), BigInt(resp) << 12n));
    expect(responses(rig)).toEqual([{ pasid: null, prgi: 0, code }]);
  });
  it("golden bytes: PRG index 7, Success, no PASID", () => {
    const rig = machine();
    rig.command("41000000000100000720000000000000");
    expect(responses(rig)).toEqual([{ pasid: null, prgi: 7, code: SUCCESS }]);
  });
  it("a PASID prefix iff SSV = 1, PASID 0 too; nine bits of PRG index", () => {
    const rig = machine();
    for (const pasid of [null, 0, 0xfffff]) rig.command(command(dw0(pasid), 0x21ffn));
    expect(responses(rig)).toEqual([null, 0, 0xfffff].map((pasid) => ({ pasid, prgi: 0x1ff, code: SUCCESS })));
  });
  it("Resp 11, and IDR0.PRI = 0: CERROR_ILL; SMMUEN = 0: consumed and ignored, ILLEGAL all the same", () => {
    const rig = machine();
    rig.command(command(dw0(null), 0x3000n));
    expect([rig.unconsumed, (rig.read("CMDQ_CONS") >>> 24) & 0x7f]).toEqual([1, 1]);
    const none = machine({ smmu: { pri: false } });
    none.command(command(dw0(null), 0x2000n));
    expect([none.unconsumed, (none.read("CMDQ_CONS") >>> 24) & 0x7f]).toEqual([1, 1]);
    const off = machine();
    off.write("CR0", 0x1e);
    off.command(command(dw0(null), 0x2000n), SYNC);
    expect([off.unconsumed, responses(off)]).toEqual([0, []]);
    off.command(command(dw0(null), 0x3000n));
    expect(off.unconsumed).toBe(1);
  });
  it("the SMMU tracks no groups: a response that nobody asked for goes out, and the function sets UPRGI", () => {
    const rig = machine();
    rig.command(command(dw0(5), 0x2003n));
    expect([responses(rig).length, rig.scripted(SID).configRead(0x126, 2) & 2]).toEqual([1, 2]);
  });
});
