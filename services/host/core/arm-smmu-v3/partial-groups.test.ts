import type { PageRequestFault } from "@faultline/shared/linux/report-device-fault.ts";
import { describe, expect, it } from "vitest";
import { PartialGroups } from "./partial-groups.ts";

const request = (grpid: number, pasid: number | null, addr: bigint): PageRequestFault => ({
  type: 2,
  flags: pasid === null ? 0 : 1,
  pasid: pasid ?? 0,
  grpid,
  perm: 1,
  addr,
});

describe("page requests that wait for the last one of their group (flow.md, d; IC-1016)", () => {
  it("come with it in order of arrival, and only those of its function, group and PASID", () => {
    const partial = new PartialGroups();
    for (const [sid, grpid, pasid, addr] of [
      [8, 3, 5, 0x1000n],
      [16, 3, 5, 0x2000n],
      [8, 4, 5, 0x3000n],
      [8, 3, 6, 0x4000n],
      [8, 3, null, 0x5000n],
      [8, 3, 5, 0x6000n],
    ] as const)
      partial.add(sid, request(grpid, pasid, addr));
    expect(partial.take(8, request(3, 5, 0x7000n)).map(({ addr }) => addr)).toEqual([0x1000n, 0x6000n]);
    expect(partial.take(8, request(3, 5, 0x7000n))).toEqual([]);
    expect(partial.take(8, request(3, null, 0n)).map(({ addr }) => addr)).toEqual([0x5000n]);
    expect(partial.size).toBe(3);
  });
  it("go all at an overflow, those of a function at its reset, those of a PASID when it is invalidated", () => {
    const filled = () => {
      const partial = new PartialGroups();
      for (const [sid, pasid] of [
        [8, 1],
        [8, 2],
        [16, 1],
      ])
        partial.add(sid, request(0, pasid, 0n));
      return partial;
    };
    expect(filled().discard()).toBe(3);
    expect(filled().discard(8)).toBe(2);
    expect(filled().discard(8, 1)).toBe(1);
    expect(filled().discard(24)).toBe(0);
  });
});
