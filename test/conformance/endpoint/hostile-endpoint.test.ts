import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { at, command, SYNC } from "./endpoint-rig.ts";
import { HOSTILE, HostileRig, OWN, PASID, VICTIM } from "./hostile-rig.ts";

const RUNS = 150;
/** A group that an overflow answered: its translation request, the opening and the message; and one of them again. */
const STEPS_OF_A_RETRY = 4;
const EVIL = Uint8Array.of(0xee, 0xee, 0xee, 0xee);
const F_TRANSL_FORBIDDEN = 0x07,
  F_BAD_ATS_TREQ = 0x05,
  C_BAD_SUBSTREAMID = 0x08,
  C_BAD_CD = 0x0a,
  F_TRANSLATION = 0x10,
  F_STREAM_DISABLED = 0x06;

/** What the SMMU must make of an untranslated access of the hostile function: only its own page is open to it. */
function expectedOfDma(pasid: number | null, va: bigint): { status: "SC" | "CA"; event: number | null } {
  if (pasid === 0) return { status: "CA", event: F_STREAM_DISABLED }; // S1DSS = 2
  if (pasid !== null && pasid >= 32) return { status: "CA", event: C_BAD_SUBSTREAMID }; // beyond S1CDMax
  if (pasid !== OWN.pasid) return { status: "CA", event: C_BAD_CD };
  return va >> 12n === BigInt(OWN.va) >> 12n ? { status: "SC", event: null } : { status: "CA", event: F_TRANSLATION };
}

const pasid = fc.constantFrom<number | null>(null, 0, OWN.pasid, PASID, 31, 32, 0xfffff);
const va = fc.constantFrom(BigInt(OWN.va), BigInt(OWN.va + 4096), 0x7f00_0010_0000n, 0n, 0xffff_ffff_ffff_f000n);
const pa = fc.constantFrom(at.streamTable, at.cdTable, at.tables, at.pages, at.cmdq, at.priq, at.end, 2 ** 47).map(BigInt);
const page = fc.record({ pasid, prgi: fc.nat({ max: 511 }), last: fc.boolean(), read: fc.boolean(), write: fc.boolean(), address: va });
type Action = (hostile: HostileRig) => void;
const events = (hostile: HostileRig, action: () => void): number[] => {
  hostile.rig.events();
  action();
  return hostile.rig.events();
};
const from = (p: number | null) => (p === null ? {} : { pasid: p });

/** Attacks that use no resource that the victim shares. */
const memory: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ pasid, va, priv: fc.boolean() }).map((f) => (hostile: HostileRig) => {
    const expected = expectedOfDma(f.pasid, f.va);
    const recorded = events(hostile, () => {
      const outcome = hostile.rig.scripted(HOSTILE).dma({ ...from(f.pasid), priv: false, write: true, iova: f.va, bytes: EVIL });
      expect(outcome.status).toBe(expected.status);
    });
    expect(recorded).toEqual(expected.event === null ? [] : [expected.event]);
  }),
  pa.map((target) => (hostile: HostileRig) => {
    const recorded = events(hostile, () => expect(hostile.rig.scripted(HOSTILE).translatedDma({ write: true, pa: target, bytes: EVIL })).toEqual({ status: "CA" }));
    expect(recorded).toEqual([F_TRANSL_FORBIDDEN]);
  }),
  fc.record({ pasid, va, count: fc.integer({ min: 1, max: 32 }) }).map((f) => (hostile: HostileRig) => {
    const recorded = events(hostile, () =>
      expect(hostile.rig.scripted(HOSTILE).translate({ ...from(f.pasid), address: f.va, count: f.count })).toEqual({ status: "UR" }),
    );
    expect(recorded).toEqual([F_BAD_ATS_TREQ]);
  }),
  fc.record({ itag: fc.nat({ max: 31 }), count: fc.nat({ max: 7 }) }).map((f) => (hostile: HostileRig) => hostile.rig.scripted(HOSTILE).completeInvalidation(f)),
  fc.constant((hostile: HostileRig) => hostile.rig.scripted(HOSTILE).flr()),
  fc.constantFrom("down" as const, "up" as const).map((state) => (hostile: HostileRig) => {
    hostile.rig.scripted(HOSTILE).link(state);
    hostile.rig.scripted(HOSTILE).link("up");
  }),
  fc.nat({ max: 20 }).map((vector) => (hostile: HostileRig) => hostile.rig.scripted(HOSTILE).interrupt(vector)),
);
/** Attacks on the PRI queue, which all functions share. */
const requests: fc.Arbitrary<Action> = fc.oneof(
  page.map(
    ({ pasid: p, ...request }) =>
      (hostile: HostileRig) =>
        hostile.rig.scripted(HOSTILE).pageRequest({ ...from(p), ...request }),
  ),
  fc.record({ page, count: fc.integer({ min: 1, max: 600 }) }).map(({ page: { pasid: p, last: _, ...request }, count }) => (hostile: HostileRig) => {
    hostile.rig.scripted(HOSTILE).flood({ ...from(p), ...request, count });
  }),
  fc.nat({ max: 0xfffff }).map((p) => (hostile: HostileRig) => hostile.rig.scripted(HOSTILE).stopMarker({ pasid: p })),
);
const seeds = [
  ["the fixed seed", 20_261_125],
  ["a fresh seed, which is printed", process.env.FAULTLINE_MUTANT ? 1 : Date.now() % 2 ** 31],
] as const;

let alone: { steps: number; groups: number };
beforeAll(() => {
  const undisturbed = new HostileRig();
  expect(undisturbed.finish()).not.toBe(null);
  alone = { steps: undisturbed.victimSteps, groups: undisturbed.rig.tlps("page-request").length };
  expect(undisturbed.damage()).toBe(null);
});

describe("a hostile function without permission for ATS (EATS = 0; Arm IHI 0070 G.b, 3.9.2, 13.7)", () => {
  for (const [name, seed] of seeds) {
    it(`gets the outcome and the event of the architecture for each access, and the victim's job takes the same steps as alone, with ${name}`, () => {
      process.stdout.write(`hostile: seed ${seed}\n`);
      fc.assert(
        fc.property(fc.array(memory, { minLength: 20, maxLength: 80 }), (actions) => {
          const hostile = new HostileRig();
          for (const action of actions) {
            action(hostile);
            hostile.work(4);
            hostile.serve();
          }
          expect(hostile.finish()).not.toBe(null);
          expect(hostile.damage()).toBe(null);
          expect(hostile.victimSteps).toBe(alone.steps);
        }),
        { seed, numRuns: RUNS },
      );
    });

    it(`that floods the PRI queue with whatever it likes costs the victim only its own automatic responses, with ${name}`, () => {
      fc.assert(
        fc.property(fc.array(fc.oneof(memory, requests), { minLength: 20, maxLength: 80 }), fc.constantFrom(1, 3), (actions, priqLog2) => {
          const hostile = new HostileRig({ priqLog2 });
          for (const action of actions) {
            action(hostile);
            hostile.work(4);
            hostile.serve();
          }
          expect(hostile.finish()).not.toBe(null);
          expect(hostile.damage()).toBe(null);
          const { rig } = hostile;
          const answered = rig.tlps("prg-response").filter(({ sid }) => sid === VICTIM).length;
          const asked = rig.tlps("page-request").filter(({ sid }) => sid === VICTIM).length;
          expect(hostile.victimSteps).toBeLessThanOrEqual(alone.steps + (asked - alone.groups) * STEPS_OF_A_RETRY);
          expect(answered).toBe(asked);
          expect(rig.scripted(HOSTILE).responses.every(({ code }) => code === 0 || code === 1 || code === 15)).toBe(true);
        }),
        { seed, numRuns: RUNS / 3 },
      );
    });
  }
  it("nothing in the SMMU grows with the number of its attacks", () => {
    const sizesAfter = (times: number) => {
      const hostile = new HostileRig();
      hostile.finish();
      const fn = hostile.rig.scripted(HOSTILE);
      for (let n = 0; n < times; n++) {
        fn.dma({ pasid: n % 2 ** 20, write: true, iova: BigInt(n) << 12n, bytes: EVIL });
        fn.dma({ pasid: OWN.pasid, write: false, iova: BigInt(n) << 12n, length: 4 });
        fn.translatedDma({ write: true, pa: BigInt(n) << 12n, bytes: EVIL });
        fn.translate({ pasid: n % 32, address: BigInt(n) << 12n });
        fn.pageRequest({ pasid: n % 2 ** 20, prgi: n % 512, last: n % 3 === 0, read: true, write: false, address: BigInt(n) << 12n });
        fn.completeInvalidation({ itag: n % 32 });
      }
      return hostile.sizes();
    };
    expect(sizesAfter(6400)).toEqual(sizesAfter(640));
  });
});

describe("a hostile function that may use ATS (3.9.2: an endpoint must be trusted; 13.7)", () => {
  it("EATS = 1: a forged Translated write reaches any physical address, without an event; this is what the architecture does", () => {
    const hostile = new HostileRig({ eats: 1 });
    const target = BigInt(at.tables + 0x800);
    expect(hostile.rig.scripted(HOSTILE).translatedDma({ write: true, pa: target, bytes: EVIL })).toEqual({ status: "SC" });
    expect([Array.from(hostile.rig.memory.read(at.tables + 0x800, 4)!), hostile.rig.events()]).toEqual([[0xee, 0xee, 0xee, 0xee], []]);
  });
  it("EATS = 1: a forged address where no memory is gets UR, one above OAS an abort without event", () => {
    const fn = new HostileRig({ eats: 1 }).rig.scripted(HOSTILE);
    expect(fn.translatedDma({ write: true, pa: BigInt(at.end), bytes: EVIL })).toEqual({ status: "UR" });
    expect(fn.translatedDma({ write: true, pa: 1n << 50n, bytes: EVIL })).toEqual({ status: "CA" });
  });
});

describe("invalidations that are never completed (3.9.1, 4.7.3; scenario S12)", () => {
  const atcInv = (sid: number) => command(0x40n | (BigInt(sid) << 32n), 52n);
  /** The victim's job with an invalidation of the hostile function in front of its responses; the steps of the victim while they wait, and all of them. */
  function behind(policy: "never" | "answer"): { hostile: HostileRig; stuck: boolean; meanwhile: number; total: number } {
    const hostile = new HostileRig();
    const { rig } = hostile;
    rig.scripted(HOSTILE).invalidationPolicy = policy;
    hostile.work(100);
    rig.command(atcInv(HOSTILE), SYNC);
    hostile.serve();
    const before = hostile.victimSteps;
    const stuck = rig.unconsumed > 1;
    if (stuck) hostile.work(100);
    const meanwhile = hostile.victimSteps - before;
    if (stuck) {
      for (const { expired } of [...rig.timers.pending]) expired();
      hostile.work(1);
      expect([(rig.read("CMDQ_CONS") >>> 24) & 0x7f, (rig.read("GERROR") ^ rig.read("GERRORN")) & 1]).toEqual([3, 1]);
      rig.write("GERRORN", rig.read("GERROR"));
    }
    expect(hostile.finish()).not.toBe(null);
    return { hostile, stuck, meanwhile, total: hostile.victimSteps };
  }
  it("hold back CMD_SYNC and the commands behind it until the time-out; then the victim's job goes on as if nothing had been", () => {
    const undisturbed = behind("answer");
    const { hostile, stuck, meanwhile, total } = behind("never");
    expect([undisturbed.stuck, stuck, meanwhile]).toEqual([false, true, 0]); // its responses are behind the CMD_SYNC
    expect([hostile.damage(), total]).toEqual([null, undisturbed.total]);
  });
  it("do not hold back transactions: a job whose pages are there ends while CMD_SYNC waits", () => {
    const hostile = new HostileRig();
    hostile.finish();
    const { rig } = hostile;
    rig.scripted(HOSTILE).invalidationPolicy = "never";
    rig.command(atcInv(HOSTILE), SYNC);
    hostile.again();
    hostile.work(200);
    expect([rig.unconsumed, hostile.done, hostile.damage()]).toEqual([1, true, null]);
  });
  it("32 of them take all ITags of the function, not those of another; the 33rd waits in the queue; time-outs give them back", () => {
    const hostile = new HostileRig();
    const { rig } = hostile;
    rig.scripted(HOSTILE).invalidationPolicy = "never";
    rig.command(...Array.from({ length: 32 }, () => atcInv(HOSTILE)), atcInv(VICTIM));
    while (rig.hardware.functions.get(VICTIM)!.step());
    expect([rig.unconsumed, rig.smmu.invalidation.outstanding()]).toEqual([0, 32]);
    rig.command(atcInv(HOSTILE));
    expect([rig.unconsumed, hostile.sizes().timers]).toEqual([1, 32]);
    for (const { expired } of [...rig.timers.pending]) expired();
    rig.run();
    for (const { expired } of [...rig.timers.pending]) expired();
    expect([rig.unconsumed, hostile.sizes()]).toMatchObject([0, { invalidations: 0, timers: 0 }]);
  });
});

describe("DMA while the SMMU is off or reset (6.3.9.6, 6.3.15, 3.11)", () => {
  const evil = (hostile: HostileRig, address: number) => hostile.rig.scripted(HOSTILE).dma({ write: true, iova: BigInt(address), bytes: EVIL }).status;
  const translated = (hostile: HostileRig) => hostile.rig.scripted(HOSTILE).translatedDma({ write: true, pa: BigInt(at.pages), bytes: EVIL }).status;
  it("SMMUEN = 0, GBPA.ABORT = 1: untranslated and Translated abort, a translation request gets UR, a page request Response Failure", () => {
    const hostile = new HostileRig({ eats: 1 });
    hostile.rig.write("GBPA", 0x8010_0000);
    hostile.rig.write("CR0", 0x1e);
    const fn = hostile.rig.scripted(HOSTILE);
    expect([evil(hostile, at.pages), translated(hostile), fn.translate({ pasid: OWN.pasid, address: BigInt(OWN.va) }).status]).toEqual(["CA", "CA", "UR"]);
    fn.pageRequest({ pasid: OWN.pasid, prgi: 1, last: true, read: true, write: false, address: 0n });
    expect(fn.responses).toMatchObject([{ pasid: null, prgi: 1, code: 15 }]);
  });
  it("SMMUEN = 0, GBPA.ABORT = 0: untranslated accesses bypass, Translated ones still abort", () => {
    const hostile = new HostileRig({ eats: 1 });
    hostile.rig.write("CR0", 0x1e);
    expect([evil(hostile, at.pages), translated(hostile)]).toEqual(["SC", "CA"]);
  });
  it("a power-on reset in the middle of everything leaves nothing of before: no ITag, no timer, no cached translation, no overflow", () => {
    const hostile = new HostileRig({ eats: 1, priqLog2: 1 });
    const { rig } = hostile;
    const fn = rig.scripted(HOSTILE);
    fn.invalidationPolicy = "never";
    fn.translate({ pasid: OWN.pasid, address: BigInt(OWN.va) });
    fn.flood({ pasid: 1, prgi: 0, read: true, write: false, address: 0n, count: 9 });
    rig.command(command(0x40n | (BigInt(HOSTILE) << 32n), 52n));
    hostile.work(20);
    rig.hardware.reset();
    fn.completeInvalidation({ itag: 0 });
    expect(hostile.sizes()).toEqual({ tlb: 0, stes: 0, cds: 0, invalidations: 0, timers: 0 });
    expect([rig.read("PRIQ_PROD"), rig.read("PRIQ_CONS"), rig.read("CR0"), rig.read("GERROR"), fn.responses]).toEqual([0, 0, 0, 0, []]);
  });
});
