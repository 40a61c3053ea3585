import { CMD_CFGI_STE_RANGE } from "@faultline/shared/arm-smmu-v3/command.ts";
import { ArmedFaults } from "@faultline/shared/lab/armed-faults.ts";
import type { HardwareDo, When } from "@faultline/shared/lab/fault-rule.ts";
import { loadFaultRules } from "@faultline/shared/lab/load-fault-rules.ts";
import { heapMemory } from "@faultline/shared/physical-memory/heap.ts";
import { silentTracer } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";
import { at, NestedRig, RAM, SID } from "../../../test/support/smmu-rig.ts";
import { fetchesOf, TRANSLATION_TABLE } from "./fetches.ts";
import type { Hardware } from "./hardware.ts";
import { hardwareHandles } from "./lab-handles.ts";

function rig(hardware: string, what: HardwareDo, when: When = {}, queues: { eventqLog2?: number; priqLog2?: number } = {}) {
  const faults = new ArmedFaults({ now: () => 0, timer: () => {}, tracer: silentTracer });
  const nested = new NestedRig({}, faults.hardware).start(queues);
  faults.arm(loadFaultRules([{ id: "r", where: { hardware }, when, do: what }]));
  return { nested, faults };
}
const access = (nested: NestedRig, address = 0x1000n) =>
  nested.smmu.transact({ sid: SID, ssid: nested.ssid, translated: false, address, write: false, priv: false, exec: false });
const pageRequest = (nested: NestedRig, prgi: number) =>
  nested.smmu.priQueue.receive({ sid: SID, pasid: 5, priv: false, exec: false, read: true, write: false, last: true, prgi, address: 0x1000n });
const CFGI_ALL = CMD_CFGI_STE_RANGE.encode({ Opcode: 0x04, Range: 31 });
const OVFLG = 0x8000_0000;

describe("a fetch that the lab lets abort (Arm IHI 0070 G.b, 7.3.3, 7.3.9, 7.3.11)", () => {
  const fetches: [what: string, when: When, event: number][] = [
    // Fetches of a cold nested transaction: the STE first.
    ["of the STE is F_STE_FETCH", { condition: "m.bytes == 64", nth: 1 }, 0x03],
    ["of the CD is F_CD_FETCH", { condition: "m.bytes == 64", nth: 2 }, 0x09],
    ["of a descriptor is F_WALK_EABT", { condition: "m.bytes == 8", nth: 1 }, 0x0b],
  ];
  it.each(fetches)("%s", (_, when, event) => {
    const { nested } = rig("smmu:fetch", { action: "abort" }, when);
    expect(access(nested)).toBe("abort");
    expect(nested.events().map((record) => record[0])).toEqual([event]);
  });
  it("of one address is that one alone, and the next attempt goes on", () => {
    const { nested } = rig("smmu:fetch", { action: "abort" }, { condition: `m.address == ${at.streamTable + SID * 64}`, times: 1 });
    access(nested);
    access(nested);
    // The second attempt gets as far as the page that nothing maps: F_TRANSLATION.
    expect(nested.events().map((record) => record[0])).toEqual([0x03, 0x10]);
  });
});

describe("what a rule names of a fetch", () => {
  const names: [what: string, event: number][] = [
    ["STE", 0x03],
    ["CD", 0x09],
    ["TTD", 0x0b],
  ];
  it.each(names)("is the %s", (what, event) => {
    const { nested } = rig("smmu:fetch", { action: "abort" }, { condition: `m.what == '${what}'`, times: 1 });
    expect(access(nested)).toBe("abort");
    expect(nested.events().map((record) => record[0])).toEqual([event]);
  });
  it("a bit of it flips in DRAM before it is read: an STE that was valid is C_BAD_STE from then on (3.3.1, 7.3.4)", () => {
    const { nested } = rig("smmu:fetch", { action: "flip", bit: 0 }, { condition: "m.what == 'STE'", times: 1 });
    access(nested);
    nested.command(CFGI_ALL);
    access(nested);
    expect(nested.events().map((record) => record[0])).toEqual([0x04, 0x04]);
  });
});

describe("caches that the lab spoils", () => {
  const TLBI_ALL = Uint8Array.of(0x30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0); // CMD_TLBI_NSNH_ALL
  it.each([
    ["smmu:config", CFGI_ALL],
    ["smmu:tlb", TLBI_ALL],
  ])("%s: keep leaves what a command names, which is done all the same; evict empties it", (hardware, command) => {
    const { nested, faults } = rig(hardware, { action: "keep" }, { times: 1 });
    faults.hardware.handles = hardwareHandles({ smmu: nested.smmu } as Hardware, nested.memory);
    const { tlb, configurationCache } = nested.smmu;
    const held = () => (hardware === "smmu:tlb" ? tlb.size : configurationCache.size.stes + configurationCache.size.cds);
    nested.map(0x1000);
    access(nested);
    const before = held();
    expect(before).toBeGreaterThan(0);
    nested.command(command);
    expect(held()).toBe(before);
    expect(faults.fired()).toEqual([{ id: "r", matches: 1, fired: 1 }]);
    nested.command(command);
    expect(held()).toBe(0);
    access(nested);
    expect(held()).toBe(before);
    faults.arm(loadFaultRules([{ id: "r", where: { hardware }, do: { action: "evict" } }]));
    expect(held()).toBe(0);
  });
});

describe("every way in which a descriptor is read", () => {
  it("aborts at that address alone, as if it were no RAM", () => {
    const faults = new ArmedFaults({ now: () => 0, timer: () => {}, tracer: silentTracer });
    faults.arm(loadFaultRules([{ id: "r", where: { hardware: "smmu:fetch" }, when: { condition: `m.address == ${RAM + 8}` }, do: { action: "abort" } }]));
    const fetches = fetchesOf(heapMemory(RAM, 4096), faults.hardware, TRANSLATION_TABLE);
    expect(fetches.window).toBeUndefined(); // no short cut past the faults
    expect(fetchesOf(heapMemory(RAM, 4096), new ArmedFaults({ now: () => 0, timer: () => {}, tracer: silentTracer }).hardware, TRANSLATION_TABLE).window).toBeDefined();
    const [words, whole] = [new Uint32Array(2), new BigUint64Array(1)];
    for (const [address, read] of [
      [RAM + 8, false],
      [RAM + 16, true],
    ] as const) {
      expect(fetches.load64(address, words)).toBe(read);
      expect(fetches.load64Halves?.(0, address, whole) ?? read).toBe(read);
      expect(fetches.read(address, 64) !== null).toBe(read);
    }
  });
});

describe("queues that the lab lets fail", () => {
  it("a command fetch that aborts is CERROR_ABT, and the queue goes on once it is acknowledged (7.1)", () => {
    const { nested } = rig("smmu:cmdq", { action: "abort" }, { times: 1 });
    nested.command(CFGI_ALL);
    expect([nested.read("CMDQ_CONS"), nested.read("GERROR") & 1]).toEqual([2 << 24, 1]);
    nested.write("GERRORN", 1);
    nested.settle();
    expect(nested.read("CMDQ_CONS") & 0xfffff).toBe(1);
  });
  it("an event queue write that aborts is EVENTQ_ABT_ERR (7.2)", () => {
    const { nested } = rig("smmu:eventq", { action: "abort" }, { condition: "m.event == 'F_TRANSLATION'" });
    access(nested);
    expect([nested.read("GERROR"), nested.read("EVENTQ_PROD")]).toEqual([4, 0]);
  });
  it("an event queue that acts as full loses the event and toggles OVFLG (7.4)", () => {
    const { nested } = rig("smmu:eventq", { action: "full" }, { nth: 1 });
    for (let n = 0; n < 3; n++) access(nested);
    expect(nested.read("EVENTQ_PROD")).toBe((OVFLG | 2) >>> 0);
  });
  it("a PRI queue write that aborts is PRIQ_ABT_ERR and Response Failure (8.2)", () => {
    const { nested } = rig("smmu:priq", { action: "abort" }, { condition: "m.grpid == 3" });
    pageRequest(nested, 3);
    expect([nested.read("GERROR"), nested.read("PRIQ_PROD")]).toEqual([8, 0]);
    expect(nested.endpoint.responses).toEqual([{ pasid: null, prgi: 3, code: 0xf }]);
  });
  it("a PRI queue that acts as full toggles OVFLG and answers Success (8.1)", () => {
    const { nested } = rig("smmu:priq", { action: "full" }, { nth: 1 });
    for (const prgi of [1, 2, 3]) pageRequest(nested, prgi);
    expect(nested.read("PRIQ_PROD")).toBe((OVFLG | 1) >>> 0);
    expect(nested.endpoint.responses.map(({ prgi, code }) => [prgi, code])).toEqual([
      [2, 0],
      [3, 0],
    ]);
  });
  it("an empty event queue never acts as full", () => {
    const { nested } = rig("smmu:eventq", { action: "full" });
    access(nested);
    expect(nested.read("EVENTQ_PROD")).toBe(1);
  });
  it("an empty PRI queue never acts as full: nobody would see the overflow", () => {
    const { nested, faults } = rig("smmu:priq", { action: "full" }, {});
    pageRequest(nested, 1);
    expect(nested.read("PRIQ_PROD")).toBe(1);
    expect(faults.fired()).toEqual([{ id: "r", matches: 0, fired: 0 }]);
  });
});

describe("an interrupt that the lab lets be lost (design.md, section 2)", () => {
  it("is not sent; the record is in memory and PROD says so", () => {
    const { nested } = rig("smmu:interrupt", { action: "lose-interrupt" }, { condition: "m.source == 'PRIQ'" });
    pageRequest(nested, 1);
    access(nested);
    expect(nested.host.interrupts()).toEqual(["EVENTQ"]);
    expect([nested.read("PRIQ_PROD"), nested.host.posted[0].address]).toEqual([1, at.priq]);
  });
});

describe("a bit that flips in DRAM", () => {
  it("is that bit alone; what is not RAM has none", () => {
    const memory = heapMemory(RAM, 2 ** 20);
    memory.write(RAM + 0x100, Uint8Array.of(0xf0, 0xf0));
    const { flip } = hardwareHandles(null as unknown as Hardware, memory);
    expect([flip(RAM + 0x101, 3), flip(RAM - 1, 0)]).toEqual([true, false]);
    expect(memory.read(RAM + 0x100, 2)).toEqual(Uint8Array.of(0xf0, 0xf8));
  });
});
