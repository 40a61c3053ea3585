import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { completed, DESTINATION, DONE, noise, PASID, RING, ready, SOURCE, statusOf, submit } from "../../test-support/accelerator-job.ts";
import { type AcceleratorRig, acceleratorRig, completionOf, descriptorBytes } from "../../test-support/fake-upstream.ts";

const SUCCESS = 0;
const text = (s: string): Uint8Array => new TextEncoder().encode(s);

describe("registers of the accelerator (interfaces.md, section 5)", () => {
  it("tells ID and CAPS", () => {
    const rig = acceleratorRig();
    expect(rig.read32(0x000)).toBe(0x0001_5a01);
    expect(rig.read32(0x004)).toBe(0x0006_0c07);
    expect(rig.read32(0x014)).toBe(16);
  });
  it("keeps PAGES_PER_GROUP within 1 and 64", () => {
    const rig = acceleratorRig();
    const readBack = [0, 64, 1000].map((pages) => {
      rig.write32(0x010, pages);
      return rig.read32(0x010);
    });
    expect(readBack).toEqual([1, 64, 64]);
  });
  it("starts a ring at 0 each time the queue is enabled, and ignores its setup registers meanwhile", () => {
    const rig = ready();
    submit(rig, { op: 0 });
    rig.run();
    rig.write32(0x100c, 0x8000_0009);
    expect([rig.read32(0x1010), rig.read32(0x1014), rig.read32(0x100c)]).toEqual([1, 1, 0x8000_0005]);
    rig.write32(0x1018, 0);
    rig.openQueue(0, PASID, RING);
    expect([rig.read32(0x1010), rig.read32(0x1014)]).toEqual([0, 0]);
  });
  it("CTRL.reset sets them back and reads 0, and leaves the PCI function enabled", () => {
    const rig = ready();
    rig.write32(0x008, 2);
    expect([rig.read32(0x008), rig.read32(0x1018), rig.read32(0x1000)]).toEqual([0, 0, 0]);
    expect(rig.fn.configRead(0x116, 2)).toBe(0x8000);
  });
});

describe("operations of the accelerator (interfaces.md, section 5)", () => {
  it("nop completes with its tag and raises the queue's vector", () => {
    const rig = ready();
    submit(rig, { op: 0, tag: 0x1234 });
    rig.run();
    expect(completed(rig)).toEqual({ tag: 0x1234, status: 1, bytesDone: 0n, result: 0n, faultAddress: 0n });
    expect(rig.upstream.msis).toEqual([0]);
  });
  it("copy carries unaligned ranges page by page, none larger than a page", () => {
    const rig = ready();
    const data = noise(10_000);
    rig.upstream.map(PASID, SOURCE, 4);
    rig.upstream.map(PASID, DESTINATION, 4);
    rig.upstream.poke(PASID, SOURCE + 100n, data);
    submit(rig, { op: 1, source: SOURCE + 100n, destination: DESTINATION + 2000n, length: 10_000n });
    rig.run();
    expect(completed(rig)).toMatchObject({ status: 1, bytesDone: 10_000n });
    expect(rig.upstream.peek(PASID, DESTINATION + 2000n, 10_000)).toEqual(data);
    expect(rig.upstream.tlps.every((tlp) => Number(tlp.split("+")[1] ?? 0) <= 4096)).toBe(true);
  });
  it("fill repeats the pattern across a page end", () => {
    const rig = ready();
    rig.upstream.map(PASID, DESTINATION, 2);
    expect(statusOf(rig, { op: 2, destination: DESTINATION + 4093n, length: 8n, pattern: 0x0807_0605_0403_0201n })).toBe(1);
    expect(Array.from(rig.upstream.peek(PASID, DESTINATION + 4093n, 8))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });
  it("crc32c of 123456789 is 0xe3069283 (RFC 3720, B.4)", () => {
    const rig = ready();
    rig.upstream.map(PASID, SOURCE);
    rig.upstream.poke(PASID, SOURCE, text("123456789"));
    expect(statusOf(rig, { op: 3, source: SOURCE, length: 9n })).toBe(1);
    expect(completed(rig).result).toBe(0xe3069283n);
  });
  it("sha256 writes the digest, gzip a member that gunzip reads", () => {
    const rig = ready();
    const data = noise(9000);
    rig.upstream.map(PASID, SOURCE, 3);
    rig.upstream.map(PASID, DESTINATION, 3);
    rig.upstream.poke(PASID, SOURCE, data);
    expect(statusOf(rig, { op: 4, source: SOURCE, destination: DESTINATION + 4090n, length: 9000n })).toBe(1);
    expect(completed(rig)).toMatchObject({ bytesDone: 9000n, result: 32n });
    expect(Buffer.from(rig.upstream.peek(PASID, DESTINATION + 4090n, 32)).toString("hex")).toBe(createHash("sha256").update(data).digest("hex"));
    expect(statusOf(rig, { op: 5, source: SOURCE, destination: DESTINATION, length: 9000n })).toBe(1);
    expect(new Uint8Array(gunzipSync(rig.upstream.peek(PASID, DESTINATION, Number(completed(rig).result))))).toEqual(data);
  });
  it("compare finds the offset of the first mismatch", () => {
    const rig = ready();
    rig.upstream.map(PASID, SOURCE, 2);
    rig.upstream.map(PASID, DESTINATION, 2);
    expect(statusOf(rig, { op: 6, source: SOURCE, destination: DESTINATION, length: 8192n })).toBe(1);
    rig.upstream.poke(PASID, DESTINATION + 5000n, Uint8Array.of(1));
    expect(statusOf(rig, { op: 6, source: SOURCE, destination: DESTINATION, length: 8192n })).toBe(6);
    expect(completed(rig).result).toBe(5000n);
  });
  it.each([
    ["an unknown operation", { op: 7 }],
    ["an unknown flag", { op: 0, flags: 8 }],
    ["length 0", { op: 1, source: SOURCE, destination: DESTINATION }],
    ["a range beyond 2^64", { op: 3, source: 0xffff_ffff_ffff_fff0n, length: 17n }],
    ["a gzip of more than 256 MiB", { op: 5, source: SOURCE, destination: DESTINATION, length: 2n ** 28n + 1n }],
  ])("refuses %s as a bad descriptor", (_what, fields) => {
    expect(statusOf(ready(), fields)).toBe(2);
  });
  it("takes the last byte of the address space", () => {
    const rig = ready();
    rig.upstream.map(PASID, 0xffff_ffff_ffff_f000n);
    expect(statusOf(rig, { op: 3, source: 0xffff_ffff_ffff_fff0n, length: 16n })).toBe(1);
  });
  it("writes an unaligned completion that crosses a page, the status byte last", () => {
    const rig = ready();
    rig.upstream.map(PASID, DONE + 4096n);
    rig.upstream.poke(PASID, RING, descriptorBytes({ op: 0, tag: 9, completion: DONE + 4090n }));
    rig.write32(0x1014, 1);
    rig.run();
    expect(completionOf(rig.upstream.peek(PASID, DONE + 4090n, 32))).toMatchObject({ tag: 9, status: 1 });
    const writes = rig.upstream.tlps.filter((tlp) => tlp.startsWith("write"));
    expect(writes.at(-2)).toMatch(/\+1$/);
    expect(writes.at(-1)).toBe("write untranslated 8080040+4");
  });
});

describe("invalidation of the ATC (PCIe 10.3)", () => {
  const invalidate = (rig: AcceleratorRig, pasid: number | null, itag: number) =>
    rig.fn.invalidateRequest({ pasid, global: false, address: RING, sizeBytes: 4096n, itag });
  it("uses the entry no more after the request, and completes in a step of its own", () => {
    const rig = ready();
    submit(rig, { op: 0 });
    rig.run();
    expect(invalidate(rig, null, 31)).toBe("accepted");
    expect(rig.upstream.invalidateCompletions).toEqual([]);
    rig.upstream.unmap(PASID, RING);
    rig.write32(0x1014, 2);
    rig.run();
    expect(rig.upstream.invalidateCompletions).toEqual([{ itagVector: 0x8000_0000, count: 1 }]);
    expect(rig.upstream.pageRequests).toMatchObject([{ address: RING }]);
  });
  it("completes one that was held as soon as it is released", () => {
    const rig = ready();
    rig.held.add("smmu.endpoint.before-invalidate-completion");
    invalidate(rig, PASID, 0);
    rig.run();
    expect(rig.upstream.invalidateCompletions).toEqual([]);
    rig.held.clear();
    rig.run();
    expect(rig.upstream.invalidateCompletions).toEqual([{ itagVector: 1, count: 1 }]);
  });
  it("answers UR while ATS is disabled, and an FLR forgets what it had taken in", () => {
    const rig = ready();
    invalidate(rig, PASID, 0);
    rig.fn.configWrite(0x48, 2, 0x8000);
    rig.run();
    expect(rig.upstream.invalidateCompletions).toEqual([]);
    expect(invalidate(rig, PASID, 1)).toBe("UR");
  });
});

describe("stop and reset (interfaces.md, section 5; PCIe 6.6.2, 10.4.1.2.1)", () => {
  it("STOP waits for the outstanding group, ends the job as stopped, then sets STOPPED", () => {
    const rig = ready();
    submit(rig, { op: 3, source: SOURCE, length: 8n });
    rig.run();
    rig.write32(0x1018, 0x101);
    rig.run();
    expect(rig.read32(0x1018)).toBe(1);
    rig.respond(SUCCESS);
    rig.run();
    expect(rig.read32(0x1018)).toBe(5);
    expect(completed(rig).status).toBe(8);
    expect(rig.upstream.pageRequests).toHaveLength(1);
  });
  it("an idle queue is STOPPED at once; writing ENABLED and STOPPED lets it go on", () => {
    const rig = ready();
    rig.write32(0x1018, 0x101);
    submit(rig, { op: 0 });
    rig.run();
    expect([rig.read32(0x1018), completed(rig).status]).toEqual([5, 0]);
    rig.write32(0x1018, 0x5);
    rig.run();
    expect(completed(rig).status).toBe(1);
  });
  it("sends a Stop Marker behind the last request when the machine says so, once no queue uses the PASID", () => {
    const rig = ready({ stopMarker: true });
    rig.openQueue(1, PASID, RING);
    rig.write32(0x1018, 0x101);
    rig.run();
    expect(rig.upstream.pageRequests).toEqual([]);
    rig.write32(0x1118, 0x101);
    rig.run();
    expect(rig.upstream.pageRequests).toMatchObject([{ pasid: PASID, last: true, read: false, write: false }]);
    expect(rig.read32(0x018)).toBe(0);
  });
  it("FLR closes open groups, empties the ATC, clears the enables and the BAR", () => {
    const rig = ready();
    submit(rig, { op: 3, source: SOURCE, length: 8n });
    rig.run();
    rig.fn.configWrite(0x48, 2, 0x8000);
    expect(rig.tracer.of("endpoint.group-closed")).toMatchObject([{ ids: { pasid: PASID, grpid: 0 } }]);
    expect(rig.tracer.of("endpoint.flr")).toHaveLength(1);
    expect([rig.fn.atc.size, rig.fn.pages.outstanding, rig.fn.configRead(0x116, 2), rig.fn.configRead(0x126, 2), rig.fn.bars()]).toEqual([0, 0, 0, 0x8100, []]);
    rig.run();
    rig.respond(SUCCESS);
    expect(rig.fn.configRead(0x126, 2)).toBe(0x8102); // nobody waits: unexpected PRG index
  });
  it("a disabled queue drops its job; the late response frees the credits and nothing else", () => {
    const rig = ready();
    submit(rig, { op: 3, source: SOURCE, length: 8n });
    rig.run();
    rig.write32(0x1018, 0);
    rig.respond(SUCCESS);
    rig.run();
    expect([rig.read32(0x018), completed(rig).status]).toEqual([0, 0]);
  });
});

describe("MSI-X (PCIe 6.1.4)", () => {
  it("keeps a masked vector pending in the PBA and delivers it when unmasked", () => {
    const rig = ready();
    rig.write32(0x800c, 1);
    expect(statusOf(rig, { op: 0 })).toBe(1);
    expect([rig.upstream.msis, rig.read32(0xc000)]).toEqual([[], 1]);
    rig.write32(0x800c, 0);
    expect([rig.upstream.msis, rig.read32(0xc000)]).toEqual([[0], 0]);
  });
  it("delivers nothing with the function mask set", () => {
    const rig = ready();
    rig.fn.configWrite(0x82, 2, 0xc000);
    expect(statusOf(rig, { op: 0 })).toBe(1);
    rig.fn.configWrite(0x82, 2, 0x8000);
    expect(rig.upstream.msis).toEqual([0]);
  });
});
