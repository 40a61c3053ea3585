import { describe, expect, it } from "vitest";
import { bootedGuest, newGuest } from "../test-support/boot.ts";
import { complete, settle } from "../test-support/test-execution.ts";

const file = (bytes: number) => Uint8Array.from({ length: bytes }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
const copy = (jobTimeoutNs = 5e9) => ({ operation: "copy" as const, file: "input", pagesPerGroup: 8, jobTimeoutNs });

describe("guest boot (flow.md S2 to S4)", () => {
  it("probes, attaches a linear PASID table whose entry 0 is valid, and posts event buffers of 48 bytes", async () => {
    const { vmm } = await bootedGuest();
    expect(vmm.requests.map((request) => request.type)).toEqual([5, 6]);
    expect([...new Set(vmm.eventLengths)]).toEqual([48]);
    expect(vmm.eventHeads.length).toBe(256);
    expect(vmm.cdmax).toBe(8);
    expect(vmm.cd(0)).toMatchObject({ V: 1n, AA64: 1n, EPD1: 1n, ASET: 1n, R: 1n, A: 1n, T0SZ: 16n });
    expect(vmm.cd(1).V).toBe(0n);
  });
  it("enables memory space and bus mastering and fills the MSI-X table with an IOVA", async () => {
    const { vmm } = await bootedGuest();
    expect(vmm.config[4] & 6).toBe(6);
    expect(vmm.config[0x43] & 0x80).toBe(0x80);
    expect([...vmm.bar.slice(0x8010, 0x8020)]).toEqual([0x40, 0, 0x08, 0x08, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
  });
  it("takes a two-level table of 64 KiB leaves above 10 PASID bits", async () => {
    const { vmm, guest, execution, memory } = newGuest();
    vmm.pasidBits = 16;
    expect(await complete(execution, guest.boot())).toBe(0);
    expect([vmm.cdmax, vmm.requests.at(-1)?.bytes[14], memory.load32(vmm.table)! & 1, memory.load32(vmm.table + 8)]).toEqual([16, 2, 1, 0]);
  });
  it("refuses a device without VIRTIO_F_VERSION_1 with -ENODEV", async () => {
    const { vmm, guest, execution } = newGuest();
    vmm.features = 0x117n;
    expect(await complete(execution, guest.boot())).toBe(-19);
  });
  it("gives everything back when ATTACH_TABLE is refused", async () => {
    const { vmm, guest, execution } = newGuest();
    vmm.status = (type) => (type === 6 ? 4 : 0);
    const free = guest.frames.freeCount;
    expect(await complete(execution, guest.boot())).toBe(-22);
    expect(guest.frames.freeCount).toBe(free);
    expect(guest.viommu.asids.size).toBe(0);
  });
});

describe("a workload", () => {
  it("copies a file through page faults, and nothing is left after it", async () => {
    const { guest, execution, vmm } = await bootedGuest();
    const free = guest.frames.freeCount;
    const bytes = file(100_000);
    const result = await complete(execution, guest.runWorkload([{ name: "input", bytes }], copy()));
    expect(result.error).toBeUndefined();
    expect(Buffer.from(result.output).equals(Buffer.from(bytes))).toBe(true);
    expect(result).toMatchObject({ ok: true, inputBytes: 100_000, jobs: 1, faultsHandled: 50 });
    expect(guest.frames.freeCount).toBe(free);
    expect(guest.viommu.pasids.size).toBe(0);
    expect(guest.viommu.asids.size).toBe(1);
    expect(vmm.cd(1).V).toBe(0n);
  });
  it("leaves every count at zero, also after a job that timed out", async () => {
    const { guest, execution, vmm } = await bootedGuest();
    const held = () => Object.entries(guest.counts()).filter(([name, value]) => name !== "framesAllocated" && value !== 0);
    expect(held()).toEqual([]);
    let during: string[] = [];
    await complete(
      execution,
      guest.runWorkload([{ name: "input", bytes: file(20_000) }], copy(), () => {
        if (guest.counts().faultWork > 0) during = held().map(([name]) => name);
      }),
    );
    expect(during).toEqual([
      "processes",
      "queues",
      "bonds",
      "pasids",
      "pinnedAsids",
      "pending",
      "openGroups",
      "faultWork",
      "framesAboveBoot",
      "locks",
      "locks:endpoint 0x8 iommu lock",
      "locks:process 0 copy mmap_lock",
    ]);
    expect(held()).toEqual([]);
    vmm.dropResponses = true;
    await complete(execution, guest.runWorkload([{ name: "input", bytes: file(20_000) }], copy(1e9)));
    expect(held()).toEqual([]);
  });
  it("ends at once when its function is pulled out, and leaves nothing; later jobs are refused, and nothing is sent to the function (PCIe 6.7.3)", async () => {
    const { guest, execution, vmm } = await bootedGuest();
    const held = () => Object.entries(guest.counts()).filter(([name, value]) => name !== "framesAllocated" && value !== 0);
    vmm.dropResponses = true;
    let pulled = Number.POSITIVE_INFINITY;
    const running = guest.runWorkload([{ name: "input", bytes: file(20_000) }], copy(60e9), () => {
      if (pulled < Number.POSITIVE_INFINITY) return;
      pulled = execution.now();
      guest.fromVmm(0, { kind: "interrupt", source: "slot", bdf: 8, vector: 0 });
    });
    const { ok, error } = await complete(execution, running);
    expect([ok, error]).toEqual([false, "job lost: endpoint 0x8, PASID 1, queue 0: the function was removed"]);
    expect(execution.now() - pulled).toBeLessThan(1e9);
    expect(held()).toEqual([]);
    const bar = vmm.bar.slice();
    expect(await complete(execution, guest.runWorkload([{ name: "input", bytes: file(20_000) }], copy()))).toMatchObject({
      ok: false,
      error: "endpoint 0x8 was removed",
    });
    expect([vmm.bar, held()]).toEqual([bar, []]);
  });
  it("larger than RAM is copied in several jobs", async () => {
    const { guest, execution } = await bootedGuest({ ramBytes: 8 * 2 ** 20 });
    const bytes = file(9_000_000);
    const result = await complete(execution, guest.runWorkload([{ name: "input", bytes }], copy()));
    expect(result).toMatchObject({ ok: true, jobs: 5 });
    expect(Buffer.from(result.output).equals(Buffer.from(bytes))).toBe(true);
  });
  it("fails with a named error when the guest is out of memory", async () => {
    const { guest, execution, vmm } = await bootedGuest({ ramBytes: 2 ** 20 });
    const free = guest.frames.freeCount;
    const result = await complete(execution, guest.runWorkload([{ name: "input", bytes: file(900_000) }], copy()));
    expect(result.ok).toBe(false);
    expect(result.error).toMatch(/endpoint 0x8, PASID 1, queue 0: page response INVALID .*oom at 0x7f/);
    expect(vmm.responses.at(-1)?.resp_code).toBe(1n);
    expect(guest.frames.freeCount).toBe(free);
  });
  it("answers every group once, with the PASID that the PAGE_REQUEST property asks for", async () => {
    const { guest, execution, vmm } = await bootedGuest();
    await complete(execution, guest.runWorkload([{ name: "input", bytes: file(20_000) }], copy()));
    expect(vmm.responses.length).toBe(10);
    expect(new Set(vmm.responses.map((response) => Number(response.group_id))).size).toBe(10);
    for (const response of vmm.responses) expect(response).toMatchObject({ endpoint: 8n, flags: 1n, pasid: 1n, resp_code: 0n });
  });
  it("whose page response is lost ends by the job time-out with a function level reset, and the next one works", async () => {
    const { guest, execution, vmm } = await bootedGuest();
    vmm.dropResponses = true;
    const failed = await complete(execution, guest.runWorkload([{ name: "input", bytes: file(20_000) }], copy(1e9)));
    expect(failed.error).toBe("job time-out: endpoint 0x8, PASID 1, queue 0: no completion after 1000 ms; the function was reset");
    expect(vmm.flrs).toBe(1);
    vmm.dropResponses = false;
    const next = await complete(execution, guest.runWorkload([{ name: "input", bytes: file(20_000) }], copy()));
    expect(next.ok).toBe(true);
  });
  it("waits for ever with M-no-job-timeout", async () => {
    const { guest, execution, vmm } = await bootedGuest({ switches: ["M-no-job-timeout"] });
    vmm.dropResponses = true;
    await expect(complete(execution, guest.runWorkload([{ name: "input", bytes: file(20_000) }], copy(1e9)))).rejects.toThrow("nothing can run");
    expect(vmm.flrs).toBe(0);
  });
  it("over an empty file is an empty copy; any other operation is refused", async () => {
    const { guest, execution } = await bootedGuest();
    const empty = [{ name: "input", bytes: new Uint8Array(0) }];
    expect(await complete(execution, guest.runWorkload(empty, copy()))).toMatchObject({ ok: true, jobs: 0, inputBytes: 0 });
    const sha256 = await complete(execution, guest.runWorkload(empty, { ...copy(), operation: "sha256" }));
    expect(sha256).toMatchObject({ ok: false, error: "input is empty: the device takes no job of length 0" });
  });
  it("over a file that does not exist is refused, naming it", async () => {
    const { guest, execution } = await bootedGuest();
    expect(await complete(execution, guest.runWorkload([], copy()))).toMatchObject({ ok: false, error: "no such file in the guest: input" });
  });
});

describe("munmap and the device (flow.md, invalidation path, step 6)", () => {
  it("frees frames only after INVALIDATE G_VA completed", async () => {
    const { guest, execution, vmm } = await bootedGuest();
    let release = () => {};
    execution.held.set("guest.munmap.before-free", new Promise((resolve) => (release = resolve)));
    const running = guest.runWorkload([{ name: "input", bytes: file(20_000) }], copy());
    for (let i = 0; i < 50; i++) await settle();
    const freeBefore = guest.frames.freeCount;
    const last = vmm.requests.at(-1)!;
    expect([last.type, last.bytes[4], last.bytes[6], last.bytes[8]]).toEqual([7, 4, 3, 2]); // G_VA, IOTLB | DEV_IOTLB, F_ARCHID
    release();
    await complete(execution, running);
    expect(guest.frames.freeCount).toBeGreaterThan(freeBefore);
  });
  it("sends no G_VA under RR-26", async () => {
    const { guest, execution, vmm } = await bootedGuest({ switches: ["RR-26"] });
    await complete(execution, guest.runWorkload([{ name: "input", bytes: file(20_000) }], copy()));
    expect(vmm.requests.filter((request) => request.type === 7 && request.bytes[4] === 4)).toEqual([]);
  });
  it("keeps the frames when the device refuses the invalidation, until everything of the process was flushed (RR-84)", async () => {
    const { guest, execution, vmm } = await bootedGuest();
    const free = guest.frames.freeCount;
    let atFlush = free;
    vmm.status = (type, bytes) => {
      if (type === 7 && bytes[4] === 2 && bytes[6] === 3) atFlush = guest.frames.freeCount;
      return type === 7 && bytes[4] === 4 ? 3 : 0;
    };
    await complete(execution, guest.runWorkload([{ name: "input", bytes: file(20_000) }], copy()));
    expect(atFlush).toBeLessThan(free - 5); // the pages that the device wrote are unmapped, and still nobody's
    expect(guest.frames.freeCount).toBe(free);
  });
});
