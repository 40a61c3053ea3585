import { describe, expect, it } from "vitest";
import { loadFaultRules } from "../../lab/load-fault-rules.ts";
import { smmuEdge, vfioEdge, virtioEdge } from "../definitions.ts";
import { corrupted } from "./corrupt.ts";
import { allFields, byteFields } from "./layouts.ts";

/** Little-endian words from a byte offset on. */
function words(size: number, ...values: [offset: number, value: number][]): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (const [offset, value] of values) view.setUint32(offset, value, true);
  return bytes;
}
/** CMD_TLBI_NH_VA (0x12): NUM 3, VMID 7, ASID 0x21, Leaf, TG 1, Addr 0x7f0000001000. Arm IHI 0070 G.b, 4.4.1. */
const TLBI = words(16, [0, 0x12 | (3 << 12)], [4, 7 | (0x21 << 16)], [8, 1 | (1 << 10) | 0x1000], [12, 0x7f00]);
/** VFIO_IOMMU_CACHE_INVALIDATE, 0x3b77: 8 bytes, then iommu_cache_invalidate_info (IOTLB, ADDR), then iommu_inv_addr_info: flags ARCHID, archid 33, addr 0x7000, granule 4096, 2. */
const INVALIDATE = words(64, [0, 64], [8, 56], [12, 1], [16, 0x0201], [24, 2], [28, 33], [40, 0x7000], [48, 4096], [56, 2]);

describe("fields of records in conditions and corruptions (design.md, section 6: down to the record)", () => {
  const writes = [{ address: 0x4000_0000, data: TLBI }];
  const mmioWrite = { kind: "mmioWrite", address: 0x0905_0098, value: Uint8Array.of(1, 0, 0, 0) } as const;
  const condition = (direction: string, what: string, text: string) =>
    loadFaultRules([{ id: "r", where: { direction, what }, when: { condition: text }, do: { action: "drop" } }])[0].condition!;

  it("a command has the operands of its own structure", () => {
    const [record] = smmuEdge.decode(mmioWrite, writes, "review");
    const fields = allFields(record, mmioWrite, writes);
    expect(fields).toMatchObject({ name: "CMD_TLBI_NH_VA", NUM: 3n, VMID: 7n, ASID: 0x21n, TG: 1n, Addr: 0x7f0000001n });
    expect(fields).not.toHaveProperty("PRGIndex");
    expect(condition("host->smmu", "command", "m.name == 'CMD_TLBI_NH_VA' && m.ASID == 33")(fields)).toBe(true);
    expect(condition("host->smmu", "command", "m.PRGIndex == 0")(fields)).toBe(false);
  });
  it("a command has what is named alike on every edge, whatever its structure calls it (interfaces.md, section 7); not a PASID with SSV = 0", () => {
    const fieldsOf = (data: Uint8Array, reads?: string[]) => {
      const published = [{ address: 0x4000_0000, data }];
      return allFields(smmuEdge.decode(mmioWrite, published, "review")[0], mmioWrite, published, reads);
    };
    const cfgiCd = words(16, [0, 0x05 | (5 << 12)], [4, 8]); // 4.3.4: SubstreamID [31:12], StreamID [63:32]
    const atcInv = (ssv: number) => words(16, [0, 0x40 | (ssv << 11) | (5 << 12)], [4, 8]); // 4.5.1
    expect(fieldsOf(TLBI)).toMatchObject({ asid: 0x21n });
    expect(fieldsOf(TLBI)).not.toHaveProperty("sid");
    expect(condition("host->smmu", "command", "m.pasid == 5 && m.sid == 8")(fieldsOf(cfgiCd, ["pasid", "sid"]))).toBe(true);
    expect(fieldsOf(atcInv(1))).toMatchObject({ pasid: 5n, SubstreamID: 5n });
    expect(fieldsOf(atcInv(0))).toMatchObject({ SubstreamID: 5n });
    expect(fieldsOf(atcInv(0))).not.toHaveProperty("pasid");
  });
  it("only a field of its own structure is corrupted", () => {
    const [record] = smmuEdge.decode(mmioWrite, writes, "review");
    expect(corrupted({ body: mmioWrite, writes }, record, { action: "corrupt", field: "PRGIndex", value: 5 })).toBeNull();
    const changed = corrupted({ body: mmioWrite, writes }, record, { action: "corrupt", field: "ASID", bit: 0 })!;
    expect(new DataView(changed.writes[0].data.buffer).getUint32(4, true)).toBe(7 | (0x20 << 16));
  });
  it("a system call has the fields of its structures, one behind the other", () => {
    const ioctl = { kind: "ioctl", fd: 3, cmd: 0x3b77, arg: INVALIDATE } as const;
    const [record] = vfioEdge.decode(ioctl, [], "review");
    const fields = allFields(record, ioctl, []);
    expect(fields).toMatchObject({ name: "VFIO_IOMMU_CACHE_INVALIDATE", argsz: 64n, iommu_cache_invalidate_info_argsz: 56n, cache: 1n, granularity: 2n, addr: 0x7000n });
    expect(fields).toMatchObject({ iommu_inv_addr_info_flags: 2n, archid: 33n, granule_size: 4096n, nb_granules: 2n });
    const changed = corrupted({ body: ioctl, writes: [] }, record, { action: "corrupt", field: "granule_size", value: 65536 })!;
    expect(new DataView((changed.body as { arg: Uint8Array }).arg.buffer).getUint32(48, true)).toBe(65536);
    expect(condition("vmm->host", "request", "m.name == 'VFIO_IOMMU_CACHE_INVALIDATE' && m.nb_granules > 1")(fields)).toBe(true);
  });
  it("an argument that is too short has the fields that are there", () => {
    const ioctl = { kind: "ioctl", fd: 3, cmd: 0x3b77, arg: INVALIDATE.slice(0, 12) } as const;
    const [record] = vfioEdge.decode(ioctl, [], "review");
    expect(Object.keys(allFields(record, ioctl, []))).toEqual(["argsz", "flags", "iommu_cache_invalidate_info_argsz", "fd", "name"]);
  });
  it("bytes of a message are the number that they are, up to eight of them", () => {
    const written = condition("host->smmu", "mmioWrite", "m.address == 0x9050098 && m.value == 1");
    expect(written({ ...mmioWrite })).toBe(true);
    expect(written({ ...mmioWrite, value: Uint8Array.of(2, 0, 0, 0) })).toBe(false);
    expect(written({ ...mmioWrite, value: new Uint8Array(9) })).toBe(false);
  });
  it("PAGE_RESP and reports are those of the machine's ABI (virtio-iommu.md, 6.6 and 7.2)", () => {
    // rfc-v1: type, domain 1, endpoint 8, flags, pasid 5, grpid 3, resp_code 1.
    const response = { kind: "available", queue: 0, head: 1, readable: words(36, [0, 8], [4, 1], [8, 8], [16, 5], [20, 3], [24, 1]), writableLength: 4 } as const;
    expect(virtioEdge.decode(response, [], "rfc-v1")).toMatchObject([
      { record: "page-resp-request", ids: { endpoint: "0x8", pasid: 5, grpid: 3 }, fields: { resp_code: 1 } },
    ]);
    // rfc-v1: flt_type PAGE_REQ, pr_evt_flags LAST_PAGE, endpoint 8, pasid 5, grpid 3, address.
    const report = { kind: "used", queue: 1, head: 1, written: words(48, [4, 2], [12, 3], [16, 8], [20, 5], [24, 3], [32, 0x7000]), interrupt: true } as const;
    expect(virtioEdge.decode(report, [], "rfc-v1")).toMatchObject([
      { record: "event-report", ids: { endpoint: "0x8", pasid: 5, grpid: 3, iova: "0x7000" }, fields: { last: true, pageRequest: true } },
    ]);
  });
  it("every record of every edge has fields to name", () => {
    for (const [edge, record] of [
      ["virtio", "request"],
      ["vfio", "request"],
      ["smmu", "event-record"],
      ["virtio", "invalidate-request"],
    ] as const)
      expect(byteFields(edge, record).size).toBeGreaterThan(5);
  });
});
