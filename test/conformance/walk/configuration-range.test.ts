import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CoreUnderTest } from "./core-under-test.ts";

const STREAM_TABLE = 0x1000_0000n;
const CMDQ = 0x2000_0000;
const OFFSET = { CR0: 0x20, CMDQ_BASE: 0x90, CMDQ_PROD: 0x98 };
const LOG2SIZE = 9;
/** STE: V, and Config = 100 or 000. */
const [BYPASS, ABORT] = [0b1001n, 0b0001n];

/** Whether CFGI_STE_RANGE for `sid` reaches the cached STE of `other`. */
function reaches(sid: number, range: number, other: number): boolean {
  const core = new CoreUnderTest(
    { IDR0: 0x0944_1013, IDR1: 0x0108_0009, IDR3: 0x1414, IDR5: 0x75, AIDR: 1 },
    { cr0: 5, cr2: 2, STRTAB_BASE: STREAM_TABLE, STRTAB_BASE_CFG: BigInt(LOG2SIZE) },
    { tlb: 16, config: 16, walk: 0 },
    0x0c00_0000n,
  );
  core.write(OFFSET.CMDQ_BASE, 8, BigInt(CMDQ) + 4n);
  core.write(OFFSET.CR0, 4, 0xdn);
  const ste = (value: bigint) => {
    for (let i = 0; i < 8; i++) core.memory.words.set(Number(STREAM_TABLE) + other * 64 + 8 * i, i === 0 ? value : 0n);
  };
  const access = () => core.access({ sid: other, ssid: null, translated: false, address: 0x1000n, write: false, priv: false, exec: false });
  ste(BYPASS);
  expect(access()).toEqual({ pa: 0x1000n });

  ste(ABORT);
  core.memory.words.set(CMDQ, 0x04n | (BigInt(sid) << 32n));
  core.memory.words.set(CMDQ + 8, BigInt(range));
  core.write(OFFSET.CMDQ_PROD, 4, 1n);

  return "end" in access();
}

describe("CMD_CFGI_STE_RANGE (smmuv3.md, 4.1 and 4.4)", () => {
  it("drops the STEs whose StreamID[31:Range+1] is that of the command, and no other; Range = 31 drops all", () => {
    const sid = fc.nat(2 ** LOG2SIZE - 1);
    fc.assert(
      fc.property(sid, fc.oneof(fc.nat(LOG2SIZE), fc.constant(31)), fc.nat(2 * LOG2SIZE), sid, (one, range, near, far) => {
        // Streams that differ in one bit lie on either side of the boundary.
        const other = near < LOG2SIZE ? one ^ (1 << near) : far;
        expect(reaches(one, range, other)).toBe(range === 31 || BigInt(one) >> BigInt(range + 1) === BigInt(other) >> BigInt(range + 1));
      }),
      { seed: 4, numRuns: 300 },
    );
  });
});
