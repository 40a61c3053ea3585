import { STE } from "@faultline/shared/arm-smmu-v3/stream-table-entry.ts";
import { describe, expect, it } from "vitest";
import { hexOf } from "../../../test/support/fake-smmu.ts";
import { turns } from "../../../test/support/task-execution.ts";
import { bootHost, openDevice, pageRequest, tableConfig, words } from "../test-support/host-bench.ts";

/** A host with an open device. */
async function opened(switches: readonly string[] = [], o: { rangeInvalidation?: boolean } = {}) {
  const all = await bootHost(switches, o);
  return { ...all, ...(await openDevice(all.vmm)) };
}
const reports = (posted: readonly { data: Uint8Array }[]) => posted.filter((write) => write.data.length === 64);
const invalidation = (cache: number, granularity: number, ...granu: (number | bigint)[]): Uint8Array =>
  new Uint8Array([...words(64, 0, 56, 1), cache, granularity, 0, 0, 0, 0, 0, 0, ...words(...granu), ...new Uint8Array(40)].slice(0, 64));

describe("page requests as the posted code handles them (rfc-review.md)", () => {
  it.each([
    [[], "4158"], // SSV
    [["RR-61"], "4100"], // no PASID
  ])("RR-61: a response is what it was when it was taken; with the defect %j what the VMM makes of it meanwhile", async (switches, start) => {
    const { smmu, host, vmm, execution, device } = await opened(switches);
    host.fromSmmu(1, smmu.pageRequest(pageRequest()));
    await turns(20);
    const ring = device * 2 ** 40 + 10 * 2 ** 32 + 4096;
    let release = () => {};
    execution.held.set("host.page-response.before-pri-resp", new Promise((resolve) => (release = resolve)));
    vmm.attachment?.applyWrite(ring, words(24, 1, 1, 5, 3, 0));
    await vmm.call({ kind: "pwrite", fd: device, offset: 10 * 2 ** 40, data: words(1) }, "pwriteResult");
    await turns(20); // matched: PASID_VALID, PASID 5, group 3
    vmm.attachment?.applyWrite(ring + 8, words(0)); // the VMM clears PASID_VALID
    release();
    await turns(20);
    expect(smmu.commands.at(-1)?.slice(0, 4)).toBe(start);
  });

  it("RR-69: a fault is reported as soon as the handler is there; with the defect one of before the interrupt is stored and answered Failure too", async () => {
    for (const [switches, failures] of [
      [[], 0],
      [["RR-69"], 1],
    ] as const) {
      const { smmu, host, vmm } = await bootHost(switches);
      const request = smmu.request.bind(smmu);
      smmu.request = async (body) => {
        const done = await request(body);
        if (body.kind === "configWrite" && (body.address & 0xfff) === 0x114 && body.value[0] === 1) {
          host.fromSmmu(1, smmu.pageRequest(pageRequest())); // PRI is on, and the device not open yet
          await turns(20);
        }
        return done;
      };
      await openDevice(vmm);
      expect(reports(vmm.posted)).toHaveLength(1);
      expect(smmu.commands.filter((command) => command.startsWith("4158"))).toHaveLength(failures);
      expect(host.counts().pending).toBe(1 - failures);
    }
  });

  it("RR-74: one that is not the last of its group waits in the host; with the defect it is reported as it comes", async () => {
    for (const [switches, flags, partial] of [
      [[], [], 1],
      [["RR-74"], [0], 0],
    ] as const) {
      const { smmu, host, vmm } = await opened(switches);
      host.fromSmmu(1, smmu.pageRequest(pageRequest(5, 0xa0))); // Last (bit 62, 8.1) is 0
      await turns(20);
      expect(reports(vmm.posted).map((write) => write.data[8] & 2)).toEqual(flags); // LAST_PAGE
      expect(host.counts().partial).toBe(partial);
    }
  });

  it("RR-87: one that nobody takes is answered Failure; with the defect never", async () => {
    for (const [switches, answers] of [
      [[], 1],
      [["RR-87"], 0],
    ] as const) {
      const { smmu, host } = await bootHost(switches);
      host.fromSmmu(1, smmu.pageRequest(pageRequest()));
      await turns(20);
      expect(smmu.commands.filter((command) => command.startsWith("41"))).toHaveLength(answers);
    }
  });

  it("RR-88: the last of a group that asks for nothing is no stop marker without a PASID; with the defect it is dropped as one", async () => {
    for (const [switches, reported] of [
      [[], 1],
      [["RR-88"], 0],
    ] as const) {
      const { smmu, host, vmm } = await opened(switches);
      host.fromSmmu(1, smmu.pageRequest(pageRequest(0, 0x40)));
      await turns(20);
      expect(reports(vmm.posted)).toHaveLength(reported);
    }
  });
});

describe("events as the posted code handles them (rfc-review.md)", () => {
  it.each([
    ["C_BAD_SUBSTREAMID", 0x08, 3, false],
    ["F_CD_FETCH", 0x09, 1, false],
    ["C_BAD_CD", 0x0a, 2, false],
    ["F_WALK_EABT", 0x0b, 4, true],
  ])("IC-912: %s is reported with its reason; with RR-50 it stays in the host's log", async (_name, id, reason, address) => {
    for (const switches of [[], ["RR-50"]]) {
      const { smmu, host, vmm } = await opened(switches);
      // SSID 5, read of 0x7f0000001000.
      host.fromSmmu(1, smmu.eventRecord(new Uint8Array([id, 0x58, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0x08, 0, 0, 0, 0, 0x10, 0, 0, 0, 0x7f, 0, 0, ...new Uint8Array(8)])));
      await turns(20);
      const record = reports(vmm.posted)[0]?.data.slice(0, 32);
      const expected = new Uint8Array([...words(1, 0, reason, address ? 3 : 1, 5, 1), ...words(address ? 0x7f0000001000n : 0n)]);
      expect(record && hexOf(record)).toBe(switches.length ? undefined : hexOf(expected));
    }
  });
});

describe("the nested ioctls as the posted code has them (rfc-review.md)", () => {
  it.each([
    [[], 256],
    [["RR-55"], 1],
  ])("RR-55: 16 granules of 64 KiB on an SMMU without range commands: every page of them; with the defect %j the first alone", async (switches, pages) => {
    const { smmu, vmm, container } = await opened(switches, { rangeInvalidation: false });
    const before = smmu.commands.length;
    expect((await vmm.ioctl(container, 0x3b77, invalidation(1, 2, 2, 7, 0n, 0x12340000n, 65536n, 16n))).ret).toBe(0);
    const tlbi = smmu.commands.slice(before).filter((command) => command.startsWith("12"));
    expect([tlbi.length, tlbi[0].slice(16)]).toEqual([pages, "0000341200000000"]);
  });

  it("refuses the PASID cache type with RR-52", async () => {
    const { vmm, container } = await opened(["RR-52"]);
    expect((await vmm.ioctl(container, 0x3b77, invalidation(4, 1, 1, 0, 5n))).ret).toBe(-2);
  });

  it("refuses a table of several context descriptors with RR-51", async () => {
    const { vmm, container } = await opened(["RR-51"]);
    expect((await vmm.ioctl(container, 0x3b76, tableConfig(1, 8))).ret).toBe(-22);
  });

  it("RR-93: the invalidation of a PASID takes its level-1 descriptor, too; with the defect the leaf alone", async () => {
    for (const [switches, leaf] of [
      [[], "00"],
      [["RR-93"], "01"],
    ] as const) {
      const { smmu, vmm, container } = await opened(switches);
      expect((await vmm.ioctl(container, 0x3b77, invalidation(4, 1, 1, 0, 5n))).ret).toBe(0);
      expect(smmu.commands.findLast((command) => command.startsWith("05"))).toBe(`0550000008000000${leaf}00000000000000`);
    }
  });

  it("RR-76: the guest's S1DSS is in the STE; with the defect it is SSID0", async () => {
    for (const [switches, s1dss] of [
      [[], 0n],
      [["RR-76"], 2n],
    ] as const) {
      const { host, vmm, container } = await opened(switches);
      const terminate = tableConfig(1, 10);
      terminate[37] = 0; // s1dss
      expect((await vmm.ioctl(container, 0x3b76, terminate)).ret).toBe(0);
      expect(STE.decode(host.smmu!.streamTable.read(8)!).S1DSS).toBe(s1dss);
    }
  });
});
