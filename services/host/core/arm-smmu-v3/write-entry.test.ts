import { describe, expect, it } from "vitest";
import { safeSteBits, usedSteBits, writeEntry } from "./write-entry.ts";

const b = (value: number | bigint, shift: number): bigint => BigInt(value) << BigInt(shift);
const pad = (...words: bigint[]): bigint[] => Array.from({ length: 8 }, (_, i) => words[i] ?? 0n);
const [TERMINATE, BYPASS, SSID0] = [0, 1, 2];
void TERMINATE;

const abort = pad(1n);
const bypass = pad(9n, b(1, 44));
const s1Words = (config: number, ptr: bigint, s1dss: number) =>
  [1n | b(config, 1) | b(2, 4) | (ptr & 0x00ffffffffffffc0n) | b(31, 59), b(s1dss, 0) | b(1, 2) | b(1, 4) | b(3, 6)] as const;
function cdtable(o: { ptr?: bigint; s1dss?: number; ats?: boolean; stall?: boolean }): bigint[] {
  const s1dss = o.s1dss ?? SSID0;
  const [dw0, dw1] = s1Words(5, o.ptr ?? 0xf0f0f0f0f0f0n, s1dss);
  return pad(dw0, dw1 | (o.stall ? 0n : b(1, 27)) | (o.ats === false ? 0n : b(1, 28)) | (s1dss === BYPASS ? b(1, 44) : 0n));
}
const vtcr = 4n | b(3, 6) | b(1, 8) | b(1, 10) | b(3, 12) | b(2, 14) | b(1, 16);
function s2(o: { ats?: boolean; stall?: boolean }): bigint[] {
  const dw2 = b(vtcr, 32) | b(1, 51) | b(1, 54) | (o.stall ? b(1, 57) : 0n) | b(1, 58);
  return pad(1n | b(6, 1), (o.ats === false ? 0n : b(1, 28)) | b(1, 44), dw2, 0xdaedbeefdeadbeefn & 0x000ffffffffffff0n);
}
function nested(): bigint[] {
  const [dw0, dw1] = s1Words(7, 0xf0f0f0f0f0f0n, BYPASS);
  const stage2 = s2({});
  return pad(dw0, stage2[1] | dw1 | b(1, 19) | b(1, 27), stage2[2], stage2[3]);
}

async function run(from: bigint[], to: bigint[]): Promise<{ syncs: number; hitless: boolean; memory: bigint[] }> {
  const memory = [...from];
  let hitless = true;
  const syncs = await writeEntry(from, to, {
    used: usedSteBits,
    safe: safeSteBits,
    store: (word, value) => void (memory[word] = value),
    sync: async () => {
      if ((memory[0] & 1n) === 0n) hitless = false;
    },
  });
  return { syncs, hitless, memory };
}

describe("arm_smmu_write_entry (host-driver.md, section 6: the driver's KUnit table)", () => {
  it.each<[string, bigint[], bigint[], number, boolean]>([
    ["bypass to abort", bypass, abort, 2, true],
    ["abort to bypass", abort, bypass, 2, true],
    ["cdtable to abort", cdtable({}), abort, 2, true],
    ["abort to cdtable", abort, cdtable({}), 2, true],
    ["cdtable to bypass", cdtable({}), bypass, 3, true],
    ["bypass to cdtable", bypass, cdtable({}), 3, true],
    ["cdtable S1DSS SSID0 to S1DSS bypass", cdtable({}), cdtable({ s1dss: BYPASS }), 1, true],
    ["cdtable S1DSS bypass to S1DSS SSID0", cdtable({ s1dss: BYPASS }), cdtable({}), 1, true],
    ["cdtable S1DSS bypass to STE bypass", cdtable({ s1dss: BYPASS }), bypass, 2, true],
    ["STE bypass to cdtable S1DSS bypass", bypass, cdtable({ s1dss: BYPASS }), 2, true],
    ["stage 2 to abort", s2({}), abort, 2, true],
    ["abort to stage 2", abort, s2({}), 2, true],
    ["stage 2 to bypass", s2({}), bypass, 2, true],
    ["bypass to stage 2", bypass, s2({}), 2, true],
    ["stage 1 to stage 2", cdtable({}), s2({}), 3, true],
    ["stage 2 to stage 1", s2({}), cdtable({}), 3, true],
    ["stalling stage 1 to stalling stage 2", cdtable({ stall: true, ats: false }), s2({ stall: true, ats: false }), 3, true],
    ["another table and another S1DSS", cdtable({}), cdtable({ ptr: 0x4b4b4b4b4bn, s1dss: BYPASS }), 3, false],
    ["nested to stage 2 without ATS", nested(), s2({ ats: false }), 3, true],
    ["stage 2 without ATS to nested", s2({ ats: false }), nested(), 2, true],
  ])("%s", async (_name, from, to, syncs, hitless) => {
    const result = await run(from, to);
    expect(result.memory).toEqual(to);
    expect({ syncs: result.syncs, hitless: result.hitless }).toEqual({ syncs, hitless });
  });
});
