import {
  CMD_ATC_INV,
  CMD_CFGI_CD,
  CMD_CFGI_STE,
  CMD_CFGI_STE_RANGE,
  CMD_PRI_RESP,
  CMD_RESUME,
  CMD_SYNC,
  CMD_TLBI_NH_ASID,
  CMD_TLBI_NH_VA,
  CMD_TLBI_S12_VMALL,
} from "@faultline/shared/arm-smmu-v3/command.ts";
import { CD } from "@faultline/shared/arm-smmu-v3/context-descriptor.ts";
import { EVENT } from "@faultline/shared/arm-smmu-v3/event-record.ts";
import { L1CD } from "@faultline/shared/arm-smmu-v3/l1-context-descriptor.ts";
import { L1STD } from "@faultline/shared/arm-smmu-v3/l1-stream-table-descriptor.ts";
import { PRIQ_ENTRY } from "@faultline/shared/arm-smmu-v3/page-request.ts";
import { STE } from "@faultline/shared/arm-smmu-v3/stream-table-entry.ts";
import type { BitStruct, Layout } from "@faultline/shared/codec/bit-struct.ts";
import { describe, expect, it } from "vitest";

/** The doublewords of a structure, most significant digit first, as the documents print them. */
const doublewords = (bytes: Uint8Array): string[] =>
  Array.from({ length: bytes.length / 8 }, (_, i) => `0x${new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(i * 8, true).toString(16)}`);

const encode = (struct: BitStruct<Layout>, fields: Record<string, bigint | number>) => doublewords(struct.encode(fields));

describe("commands (Arm IHI 0070 G.b, 4; check vectors of spec/pcie-ats-pri.md, section 6, and spec/host-driver.md)", () => {
  const cases: [string, BitStruct<Layout>, Record<string, bigint | number>, string[]][] = [
    ["CMD_ATC_INV of everything", CMD_ATC_INV, { Opcode: 0x40, StreamID: 0x100, Size: 52 }, ["0x10000000040", "0x34"]],
    ["CMD_ATC_INV of 4 KiB with PASID 5", CMD_ATC_INV, { Opcode: 0x40, SSV: 1, SubstreamID: 5, StreamID: 0x100, Addr: 0x12345 }, ["0x10000005840", "0x12345000"]],
    ["CMD_ATC_INV of 16 KiB", CMD_ATC_INV, { Opcode: 0x40, StreamID: 0x100, Size: 2, Addr: 0x12344 }, ["0x10000000040", "0x12344002"]],
    ["CMD_PRI_RESP Success without PASID", CMD_PRI_RESP, { Opcode: 0x41, StreamID: 0x100, PRGIndex: 7, Resp: 2 }, ["0x10000000041", "0x2007"]],
    ["CMD_SYNC that an MSI to its own slot completes", CMD_SYNC, { Opcode: 0x46, CS: 1, MSH: 3, MSIAttr: 0xf, MSIAddress: 0x41001230 / 4 }, ["0xfc01046", "0x41001230"]],
    ["CMD_SYNC with SEV", CMD_SYNC, { Opcode: 0x46, CS: 2, MSH: 3, MSIAttr: 0xf }, ["0xfc02046", "0x0"]],
    ["CMD_CFGI_ALL", CMD_CFGI_STE_RANGE, { Opcode: 0x04, Range: 31 }, ["0x4", "0x1f"]],
    ["CMD_CFGI_STE with Leaf", CMD_CFGI_STE, { Opcode: 0x03, StreamID: 8, Leaf: 1 }, ["0x800000003", "0x1"]],
    ["CMD_CFGI_CD", CMD_CFGI_CD, { Opcode: 0x05, SubstreamID: 1, StreamID: 8 }, ["0x800001005", "0x0"]],
    ["CMD_TLBI_NH_ASID", CMD_TLBI_NH_ASID, { Opcode: 0x11, VMID: 2, ASID: 3 }, ["0x3000200000011", "0x0"]],
    [
      "CMD_TLBI_NH_VA of a 4 KiB leaf",
      CMD_TLBI_NH_VA,
      { Opcode: 0x12, VMID: 2, ASID: 3, Leaf: 1, TTL: 3, TG: 1, Addr: 0x7f0000001 },
      ["0x3000200000012", "0x7f0000001701"],
    ],
    ["CMD_TLBI_S12_VMALL", CMD_TLBI_S12_VMALL, { Opcode: 0x28, VMID: 2 }, ["0x200000028", "0x0"]],
    ["CMD_RESUME retry", CMD_RESUME, { Opcode: 0x44, Ac: 1, StreamID: 8, STAG: 0x1234 }, ["0x800001044", "0x1234"]],
  ];
  for (const [name, struct, fields, expected] of cases) it(name, () => expect(encode(struct, fields)).toEqual(expected));
});

describe("PRI queue records (Arm IHI 0070 G.b, 8.1; spec/pcie-ats-pri.md, section 6)", () => {
  it("a last read request of group 3 without PASID", () => {
    expect(encode(PRIQ_ENTRY, { StreamID: 0x100, R: 1, Last: 1, PRGIndex: 3, Addr: 0xabcde })).toEqual(["0x5000000000000100", "0xabcde003"]);
  });
  it("a Stop Marker of PASID 9", () => {
    expect(encode(PRIQ_ENTRY, { StreamID: 0x100, SSV: 1, Last: 1, SubstreamID: 9 })).toEqual(["0xc000000900000100", "0x0"]);
  });
});

describe("stream table entries (spec/host-driver.md, section 4)", () => {
  it("abort", () => expect(encode(STE, { V: 1, Config: 0 }).slice(0, 2)).toEqual(["0x1", "0x0"]));
  it("bypass with incoming shareability", () => expect(encode(STE, { V: 1, Config: 4, SHCFG: 1 }).slice(0, 2)).toEqual(["0x9", "0x100000000000"]));
  it("stage 2: VMID, S2AA64, S2PTW and S2R of doubleword 2 and S2TTB of doubleword 3", () => {
    const ste = encode(STE, { V: 1, Config: 6, S2VMID: 5, S2AA64: 1, S2PTW: 1, S2R: 1, S2TTB: 0x4100_0000 / 16 });
    expect(ste.slice(2, 4)).toEqual([`0x${(5n | (1n << 51n) | (1n << 54n) | (1n << 58n)).toString(16)}`, "0x41000000"]);
  });
  it("stage 1: pointer, S1CDMax, S1DSS, EATS and S1STALLD", () => {
    const ste = encode(STE, { V: 1, Config: 5, S1Fmt: 2, S1ContextPtr: 0x4200_0000 / 64, S1CDMax: 16, S1DSS: 2, S1STALLD: 1, EATS: 1 });
    expect(ste.slice(0, 2)).toEqual([
      `0x${(1n | (5n << 1n) | (2n << 4n) | 0x4200_0000n | (16n << 59n)).toString(16)}`,
      `0x${(2n | (1n << 27n) | (1n << 28n)).toString(16)}`,
    ]);
  });
  it("a level-1 descriptor of 256 STEs", () => expect(encode(L1STD, { Span: 9, L2Ptr: 0x4100_4000 / 64 })).toEqual(["0x41004009"]));
});

describe("context descriptors (spec/iommu-core.md, section 8)", () => {
  it("an SVA descriptor: T0SZ, EPD1, V, IPS, AA64, R, A, ASID, TTB0", () => {
    const cd = encode(CD, { T0SZ: 16, IR0: 1, OR0: 1, SH0: 3, EPD1: 1, V: 1, IPS: 5, AA64: 1, R: 1, A: 1, ASID: 7, TTB0: 0x8000_1000 / 16 });
    const dw0 = 16n | (1n << 8n) | (1n << 10n) | (3n << 12n) | (1n << 30n) | (1n << 31n) | (5n << 32n) | (1n << 41n) | (1n << 45n) | (1n << 46n) | (7n << 48n);
    expect(cd.slice(0, 2)).toEqual([`0x${dw0.toString(16)}`, "0x80001000"]);
  });
  it("a level-1 descriptor", () => expect(encode(L1CD, { V: 1, L2Ptr: 0x8001_0000 / 4096 })).toEqual(["0x80010001"]));
});

describe("event records (Arm IHI 0070 G.b, 7.3; spec/smmuv3.md, section 5.1)", () => {
  it("F_TRANSLATION at stage 2 of a stage-1 descriptor", () => {
    const event = encode(EVENT, { ID: 0x10, SSV: 1, SubstreamID: 5, StreamID: 8, RnW: 1, S2: 1, CLASS: 1, InputAddr: 0x7f0000001000n, IPA: 0x80012 });
    expect(event).toEqual(["0x800005810", `0x${((1n << 35n) | (1n << 39n) | (1n << 40n)).toString(16)}`, "0x7f0000001000", "0x80012000"]);
  });
});
