import { describe, expect, it } from "vitest";
import { CoreUnderTest } from "./core-under-test.ts";

const STREAM_TABLE = 0x1000_0000n;
const TABLE = 0x8000_0000n;
const CMDQ = 0x2000_0000;
const OFFSET = { CR0: 0x20, GERROR: 0x60, CMDQ_BASE: 0x90, CMDQ_PROD: 0x98, CMDQ_CONS: 0x9c };
/** Both stages, 2-level stream tables, command queues of 2^14 entries, StreamIDs of 32 bits, OAS 48, all granules. */
const id = { IDR0: 0x0944_1013, IDR1: 0x01d3_0020, IDR3: 0x1414, IDR5: 0x75, AIDR: 1 };

function machine(ste: bigint, table: Record<number, bigint>, cfg = 0n, streamTable = STREAM_TABLE) {
  const core = new CoreUnderTest(id, { cr0: 5, cr2: 2, STRTAB_BASE: streamTable, STRTAB_BASE_CFG: cfg }, { tlb: 0, config: 0, walk: 0 }, 0x0c00_0000n);
  for (let i = 0; i < 8; i++) core.memory.words.set(Number(streamTable) + 8 * i, (ste >> BigInt(64 * i)) % 2n ** 64n);
  for (const [at, word] of Object.entries(table)) core.memory.words.set(Number(at), word);
  return core;
}
const read = (core: CoreUnderTest, sid: number, address: bigint) => {
  core.memory.loads.length = 0;
  const outcome = core.access({ sid, ssid: null, translated: false, address, write: false, priv: false, exec: false });
  return { outcome, descriptors: core.memory.loads.length };
};

describe("what a driver writes cannot make the SMMU loop (issue 4)", () => {
  it("a table whose entries point at itself ends after the levels that there are", () => {
    // V, Config = 110; S2T0SZ 16, S2SL0 2, S2PS 48, S2AA64, S2R; S2TTB.
    const ste = 1n | (6n << 1n) | (16n << 160n) | (2n << 166n) | (5n << 176n) | (1n << 179n) | (1n << 186n) | ((TABLE >> 4n) << 196n);
    // AF and both S2AP bits are set, so that the last level is a page: the table itself.
    const core = machine(ste, { [Number(TABLE)]: TABLE | 0x4c3n });
    expect(read(core, 0, 0x18n)).toEqual({ outcome: { pa: TABLE + 0x18n }, descriptors: 4 });
  });

  it("an L1STD that points at itself is read once, as an L1STD and as an STE", () => {
    // FMT 1, SPLIT 6; Span 7, L2Ptr = the table: the STE is V = 1, Config = 011.
    const core = machine(STREAM_TABLE | 7n, {}, 6n + (6n << 6n) + (1n << 16n));
    expect(read(core, 0, 0n)).toEqual({ outcome: { end: "abort" }, descriptors: 1 });
    expect(core.events()).toEqual([]);
  });

  it("a StreamID of 32 bits at the far end of the largest table is one look-up", () => {
    // 2^26 L1STDs; the last one leads to an STE with Config = 100.
    const core = machine(0n, { [0x4000_0000 + (2 ** 26 - 1) * 8]: 0x5000_0007n, [0x5000_0000 + 63 * 64]: 9n }, 32n + (6n << 6n) + (1n << 16n), 0x4000_0000n);
    expect(read(core, 2 ** 32 - 1, 0x1234n)).toEqual({ outcome: { pa: 0x1234n }, descriptors: 1 });
  });

  it("the largest command queue, full of commands, is consumed once and comes to rest at PROD (3.5.1)", () => {
    const core = machine(0n, {});
    const NSNH_ALL = 0x30n;
    for (let i = 0; i < 2 ** 14; i++) core.memory.words.set(CMDQ + i * 16, NSNH_ALL).set(CMDQ + i * 16 + 8, 0n);
    core.write(OFFSET.CMDQ_BASE, 8, BigInt(CMDQ) + 31n); // LOG2SIZE 31 acts as 14
    core.write(OFFSET.CR0, 4, 0xdn);
    core.write(OFFSET.CMDQ_PROD, 4, 2n ** 14n); // full: same index, other wrap
    expect([core.read(OFFSET.CMDQ_CONS, 4), core.read(OFFSET.GERROR, 4)]).toEqual([2n ** 14n, 0n]);
  });

  it("full of illegal commands it stops at the first one, until software acknowledges the error (7.1)", () => {
    const core = machine(0n, {});
    for (let i = 0; i < 4; i++) core.memory.words.set(CMDQ + i * 16, 0n).set(CMDQ + i * 16 + 8, 0n);
    core.write(OFFSET.CMDQ_BASE, 8, BigInt(CMDQ) + 14n);
    core.write(OFFSET.CR0, 4, 0xdn);
    core.write(OFFSET.CMDQ_PROD, 4, 2n ** 14n);
    expect([core.read(OFFSET.CMDQ_CONS, 4), core.read(OFFSET.GERROR, 4)]).toEqual([1n << 24n, 1n]);
  });
});
