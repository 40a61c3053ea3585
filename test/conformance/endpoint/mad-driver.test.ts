import { addressMap } from "@faultline/shared/machine/address-map.ts";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HOSTILE, HostileRig, OWN, VICTIM } from "./hostile-rig.ts";

const RUNS = 100;
const BAR = 0x1001_0000;
const MEMORY_SPACE_ENABLE = 2; // Command, bit 1
/** Steps that a function may still have to do after its driver is gone: a ring of 4,096 descriptors that all fail, after 16 tries of four steps for what they read and as many for their completion. */
const IDLE = 600_000;

const word = fc.oneof(
  fc.constantFrom(0, 1, 2, 3, 4, 5, 7, 0xff, 0x100, 0x101, 0x8000, 0x8000_0000, 0xffff_ffff, 0x8000_0000 + OWN.pasid, OWN.va, BAR),
  fc.integer({ min: 0, max: 0xffff_ffff }),
);
const size = fc.constantFrom(1, 2, 4, 8);
/** Offsets that have registers come more often than any other. */
const configOffset = fc.oneof(fc.constantFrom(0x04, 0x10, 0x14, 0x48, 0x82, 0x106, 0x116, 0x124, 0x125, 0x126, 0x127, 0x12c), fc.nat({ max: 0xfff }));
const barOffset = fc.oneof(
  fc.constantFrom(0x008, 0x00c, 0x010, 0x014, 0x8000, 0x800c, 0x8080, 0xc000),
  fc
    .record({ queue: fc.nat({ max: 7 }), register: fc.constantFrom(0x00, 0x04, 0x08, 0x0c, 0x14, 0x18, 0x1c) })
    .map(({ queue, register }) => 0x1000 + 0x100 * queue + register),
  fc.nat({ max: 0xffff }),
);
type Act = {
  kind: "config" | "bar" | "read-config" | "read-bar" | "step" | "response" | "invalidate" | "descriptor";
  offset: number;
  size: number;
  value: number;
  high: number;
};
const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ kind: fc.constantFrom("config" as const, "read-config" as const), offset: configOffset, size, value: word, high: word }),
  fc.record({ kind: fc.constantFrom("bar" as const, "bar" as const, "read-bar" as const), offset: barOffset, size, value: word, high: word }),
  fc.record({
    kind: fc.constantFrom("step" as const, "response" as const, "invalidate" as const, "descriptor" as const),
    offset: fc.nat({ max: 15 }),
    size,
    value: word,
    high: word,
  }),
);

function perform(machine: HostileRig, { kind, offset, size: bytes, value, high }: Act, seq: number): void {
  const { hardware, memory } = machine.rig;
  const data = new Uint8Array(new Uint32Array([value, high]).buffer).subarray(0, bytes);
  const fn = hardware.functions.get(HOSTILE)!;
  switch (kind) {
    case "config":
      return hardware.deliver(seq, { kind: "configWrite", address: addressMap.ecam.base + HOSTILE * 4096 + offset, value: data });
    case "read-config":
      return hardware.deliver(seq, { kind: "mmioRead", address: addressMap.ecam.base + HOSTILE * 4096 + Math.min(offset, 4096 - bytes), size: bytes });
    case "bar":
      return hardware.deliver(seq, { kind: "mmioWrite", address: BAR + offset, value: data });
    case "read-bar":
      return hardware.deliver(seq, { kind: "mmioRead", address: BAR + Math.min(offset, 0x1_0000 - bytes), size: bytes });
    case "step":
      for (let n = 0; n < offset; n++) fn.step();
      return;
    case "response":
      return fn.prgResponse({ pasid: bytes === 1 ? null : OWN.pasid, prgi: bytes === 2 ? value % 512 : offset, code: high % 16 });
    case "invalidate":
      fn.invalidateRequest({ pasid: bytes === 1 ? null : OWN.pasid, global: bytes === 2, address: BigInt(value) << 12n, sizeBytes: 4096n << BigInt(offset), itag: 0 });
      return;
    case "descriptor": {
      const d = [(value % 8) | ((high % 8) << 8), value, OWN.va, 0, high, 0, offset === 0 ? high : 64, 0, OWN.va + 2048, 0];
      memory.write(machine.own + offset * 64, new Uint8Array(new Uint32Array(d).buffer));
      hardware.deliver(seq, { kind: "mmioWrite", address: BAR + 0x1014, value: new Uint8Array(new Uint32Array([offset + 1]).buffer) });
      for (let n = 0; n < bytes; n++) fn.step();
    }
  }
}

/** An accelerator as a driver leaves it that has set it up: the victim of its driver's next writes. */
function setUp(): HostileRig {
  const machine = new HostileRig({ eats: 1, kind: "accelerator" });
  const { rig } = machine;
  rig.enable(HOSTILE);
  rig.hardware.functions.get(HOSTILE)!.configWrite(0x10, 4, BAR);
  rig.bar(HOSTILE, 0x1000, OWN.va, 0, 4, 0x8000_0000 + OWN.pasid);
  rig.bar(HOSTILE, 0x1018, 0x7);
  return machine;
}

describe("a function whose driver writes what it likes (style.md, f: nothing a guest writes may throw)", () => {
  for (const [name, seed] of [
    ["the fixed seed", 20_261_125],
    ["a fresh seed, which is printed", process.env.FAULTLINE_MUTANT ? 1 : Date.now() % 2 ** 31],
  ] as const) {
    it(`takes every write, goes idle once nobody writes any more, and another function's job takes the same steps as alone, with ${name}`, () => {
      process.stdout.write(`mad driver: seed ${seed}\n`);
      const alone = setUp();
      alone.finish();
      fc.assert(
        fc.property(fc.array(act, { minLength: 30, maxLength: 200 }), (acts) => {
          const machine = setUp();
          const fn = machine.rig.hardware.functions.get(HOSTILE)!;
          acts.forEach((a, seq) => void perform(machine, a, seq));
          // Its last write: a RETRY_LIMIT of 2^31 is a promise to retry that often while the PRI queue overflows, not a hang. It arrives: BAR0 is where it was, and memory space is on.
          fn.configWrite(0x10, 4, BAR);
          fn.configWrite(0x04, 2, fn.configRead(0x04, 2) | MEMORY_SPACE_ENABLE);
          perform(machine, { kind: "bar", offset: 0x14, size: 4, value: 16, high: 0 }, acts.length);
          // Its page requests and responses are its own: the driver refuses them, and the queue is emptied before the victim begins.
          let steps = 0;
          for (; steps < IDLE; steps++) {
            if (fn.step() || machine.rig.timers.expireWaits() > 0) continue;
            if (machine.rig.read("PRIQ_PROD") === machine.rig.read("PRIQ_CONS")) break;
            machine.serve();
          }
          expect(steps).toBeLessThan(IDLE);
          expect(machine.finish()).not.toBe(null);
          expect([machine.damage(), machine.victimSteps]).toEqual([null, alone.victimSteps]);
          expect(machine.rig.hardware.functions.get(VICTIM)!.configRead(0, 4)).toBe(0x5a01_1234);
        }),
        { seed, numRuns: RUNS, endOnFailure: true },
      );
    });
  }
});
