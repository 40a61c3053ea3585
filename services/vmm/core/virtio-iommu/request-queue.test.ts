import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { silentTracer } from "@faultline/shared/trace/tracer.ts";
import {
  virtio_iommu_req_attach,
  virtio_iommu_req_attach_pst_arm,
  virtio_iommu_req_detach,
  virtio_iommu_req_invalidate,
  virtio_iommu_req_map,
  virtio_iommu_req_page_resp,
  virtio_iommu_req_probe,
  virtio_iommu_req_unmap,
} from "@faultline/shared/virtio/virtio-iommu.ts";
import { beforeEach, describe, expect, it } from "vitest";
import { review } from "./abi.ts";
import { Attachments } from "./attach.ts";
import type { Endpoint } from "./endpoint.ts";
import { virtioIommuOf } from "./options.ts";
import { RequestQueue } from "./request-queue.ts";

const OK = 0,
  UNSUPP = 2,
  INVAL = 4,
  RANGE = 5,
  NOENT = 6,
  FAULT = 7;
const RAM = { gpa: 0x8000_0000, size: 0x10_0000 };

/** An endpoint whose host accepts everything, and what the host was told. */
function bench(options = virtioIommuOf(defaultMachine, 0)) {
  const told: string[] = [];
  const note =
    (what: string) =>
    (...args: unknown[]) => {
      told.push(
        `${what}(${args.map((arg) => (typeof arg === "object" ? JSON.stringify(arg, (_, v) => (typeof v === "bigint" ? `0x${v.toString(16)}` : v)) : `0x${Number(arg).toString(16)}`)).join(",")})`,
      );
      return Promise.resolve(0);
    };
  const container = {
    abort: note("abort"),
    bypass: note("bypass"),
    translate: note("translate"),
    mapDma: note("map"),
    unmapDma: note("unmap"),
    cacheInvalidate: note("invalidate"),
  };
  const responses: [number, number | null, number][] = [];
  const relay = {
    respond: (grpid: number, pasid: number | null, code: number) => {
      responses.push([grpid, pasid, code]);
      return Promise.resolve(0);
    },
    drained: async () => void told.push("drained"),
  };
  const endpoint = {
    id: 8,
    device: { container },
    relay,
    msix: { attach: async () => {}, detach: async () => {} },
    domain: null,
    stage2: "ram",
    outstanding: [],
    refused: new Set(),
  } as unknown as Endpoint;
  const attachments = new Attachments([RAM], (gpa) => (gpa >= RAM.gpa && gpa < RAM.gpa + RAM.size ? gpa + 0x1000_0000_0000 : null));
  const requests = new RequestQueue({
    abi: review,
    inOrder: (body) => body(),
    switches: new Set(),
    endpoints: new Map([[8, endpoint]]),
    attachments,
    tracer: silentTracer,
    options,
    isRam: (gpa, size) => gpa >= RAM.gpa && gpa + size <= RAM.gpa + RAM.size,
    facts: () => ({
      pageSizeMask: 0x1000n,
      inputRange: { start: 0n, end: (1n << 48n) - 1n },
      outputBits: 48,
      pasidBits: 16,
      asid16: true,
      twoLevelCdTable: true,
      pageRequests: { responsePasid: true },
    }),
    negotiated: () => ({ mapUnmap: true, mmio: true, probe: true, attachTable: true, pageRequest: true, bypassConfig: true }),
  });
  const send = async (bytes: Uint8Array) => (await requests.execute(bytes.subarray(0, bytes.length - 4), 4))[0];
  return { told, endpoint, attachments, requests, responses, send };
}
let b: ReturnType<typeof bench>;
beforeEach(() => {
  b = bench();
});
const attach = (domain: number, endpoint = 8, flags = 0) => virtio_iommu_req_attach.encode({ type: 1, domain, endpoint, flags });
const map = (virt_start: number, virt_end: number, more = {}) =>
  virtio_iommu_req_map.encode({ type: 3, domain: 1, virt_start, virt_end, phys_start: RAM.gpa, flags: 3, ...more });
const unmap = (virt_start: number, virt_end: number, domain = 1) => virtio_iommu_req_unmap.encode({ type: 4, domain, virt_start, virt_end });

describe("framing (virtio-iommu.md, 4)", () => {
  it("an unknown type and a chain too small for the tail are returned unwritten (VI-D-12, VI-D-13)", async () => {
    expect(await b.requests.execute(Uint8Array.of(0x7f, 0, 0, 0), 4)).toHaveLength(0);
    expect(await b.requests.execute(attach(1).subarray(0, 20), 3)).toHaveLength(0);
    expect(await b.requests.execute(new Uint8Array(3), 4)).toHaveLength(0);
  });
  it("a readable part shorter than the request is INVAL, the excess of a longer one is ignored", async () => {
    expect(Array.from(await b.requests.execute(attach(1).subarray(0, 19), 4))).toEqual([INVAL, 0, 0, 0]);
    expect(Array.from(await b.requests.execute(attach(1), 64))).toEqual([OK, 0, 0, 0]);
  });
  it("PROBE with room for less than all properties: none, INVAL in the last four bytes (VI-D-54)", async () => {
    const written = await b.requests.execute(virtio_iommu_req_probe.encode({ type: 5, endpoint: 8 }), 100);
    expect(written).toHaveLength(100);
    expect(written.findIndex((byte) => byte !== 0)).toBe(96);
    expect(written[96]).toBe(INVAL);
  });
  it("PROBE of an unknown endpoint: properties zero, NOENT, everything written (VI-D-49)", async () => {
    const written = await b.requests.execute(virtio_iommu_req_probe.encode({ type: 5, endpoint: 9 }), 516);
    expect(written).toHaveLength(516);
    expect(written.findIndex((byte) => byte !== 0)).toBe(512);
    expect(written[512]).toBe(NOENT);
  });
});

describe("ATTACH (VI-D-20 to VI-D-28)", () => {
  it("an unknown endpoint is NOENT, an unknown flag INVAL first", async () => {
    expect(await b.send(attach(1, 9))).toBe(NOENT);
    expect(await b.send(attach(1, 9, 2))).toBe(INVAL);
  });
  it("BYPASS that disagrees with the domain is INVAL and leaves the endpoint where it was", async () => {
    expect(await b.send(attach(1))).toBe(OK);
    expect(await b.send(attach(1, 8, 1))).toBe(INVAL);
    expect(b.endpoint.domain?.id).toBe(1);
  });
  it("every change goes through ABORT; a MAP/UNMAP domain takes guest RAM out of stage 2", async () => {
    await b.send(attach(1));
    expect(b.told).toEqual(["abort()", "unmap(0x80000000,0x100000)", "bypass()"]);
  });
});

describe("domains outside domain_range (virtio-iommu.md, 4: order of checks)", () => {
  it("are RANGE for every request that names one, after an unknown endpoint and before a domain that does not exist", async () => {
    const { send } = bench({ ...virtioIommuOf(defaultMachine, 0), domainRange: { start: 1, end: 1 } });
    expect([await send(attach(2)), await send(attach(0)), await send(attach(2, 9)), await send(attach(1))]).toEqual([RANGE, RANGE, NOENT, OK]);
    expect(await send(virtio_iommu_req_detach.encode({ type: 2, domain: 2, endpoint: 8 }))).toBe(RANGE);
    expect(await send(virtio_iommu_req_invalidate.encode({ type: 7, inv_gran: 1, inv_type: 1, domain: 2 }))).toBe(RANGE);
    expect(await send(virtio_iommu_req_attach_pst_arm.encode({ type: 6, domain: 2, endpoint: 8, format: 2, s1contextptr: RAM.gpa }))).toBe(RANGE);
  });
});

describe("UNMAP truth table (virtio-iommu.md, 5.4; pages for units)", () => {
  const P = 0x1000;
  const cases: [number, [number, number][], [number, number], number, [number, number][]][] = [
    [1, [], [0, 4], OK, []],
    [2, [[0, 9]], [0, 9], OK, []],
    [
      3,
      [
        [0, 4],
        [5, 9],
      ],
      [0, 9],
      OK,
      [],
    ],
    [4, [[0, 9]], [0, 4], RANGE, [[0, 9]]],
    [
      5,
      [
        [0, 4],
        [5, 9],
      ],
      [0, 4],
      OK,
      [[5, 9]],
    ],
    [6, [[0, 4]], [0, 9], OK, []],
    [
      7,
      [
        [0, 4],
        [10, 14],
      ],
      [0, 14],
      OK,
      [],
    ],
  ];
  for (const [n, before, [from, to], status, after] of cases) {
    it(`case ${n}`, async () => {
      await b.send(attach(1));
      for (const [first, last] of before) expect(await b.send(map(first * P, (last + 1) * P - 1))).toBe(OK);
      expect(await b.send(unmap(from * P, (to + 1) * P - 1))).toBe(status);
      expect(b.endpoint.domain?.mappings.map((m) => [Number(m.virtStart) / P, (Number(m.virtEnd) + 1) / P - 1])).toEqual(after);
    });
  }
});

describe("INVALIDATE and page requests under way (IC-1105)", () => {
  const invalidate = (fields: Record<string, number>) => virtio_iommu_req_invalidate.encode({ type: 7, domain: 2, ...fields });
  beforeEach(async () => {
    await b.send(virtio_iommu_req_attach_pst_arm.encode({ type: 6, domain: 2, endpoint: 8, format: 2, s1fmt: 2, s1dss: 2, s1contextptr: 0x8000_1000, s1cdmax: 16 }));
    b.told.length = 0;
  });
  it("of a PASID completes when the host has, and then the fault ring is drained", async () => {
    expect(await b.send(invalidate({ inv_gran: 2, inv_type: 4, flags: 1, pasid: 5 }))).toBe(OK);
    expect(b.told.map((line) => line.split("(")[0])).toEqual(["invalidate", "drained"]);
  });
  it("of addresses waits for no fault", async () => {
    expect(await b.send(invalidate({ inv_gran: 4, inv_type: 3, flags: 2, archid: 1, virt_start: 0x1000, nr_pages: 1, granule: 12 }))).toBe(OK);
    expect(b.told.map((line) => line.split("(")[0])).toEqual(["invalidate"]);
  });
});

describe("MAP (VI-D-34 to VI-D-41)", () => {
  it("a missing domain is NOENT, an unknown flag INVAL before it", async () => {
    expect(await b.send(map(0, 0xfff))).toBe(NOENT);
    expect(await b.send(map(0, 0xfff, { flags: 8 }))).toBe(INVAL);
  });
  it("unaligned, backwards or beyond the input range is RANGE; overlapping INVAL", async () => {
    await b.send(attach(1));
    expect(await b.send(map(0x10, 0xfff))).toBe(RANGE);
    expect(await b.send(map(0x2000, 0x1fff))).toBe(RANGE);
    expect(await b.send(map(2 ** 48, 2 ** 48 + 0xfff))).toBe(RANGE);
    expect(await b.send(map(0, 0x1fff))).toBe(OK);
    expect(await b.send(map(0x1000, 0x2fff))).toBe(INVAL);
  });
});

describe("ATTACH_TABLE (virtio-iommu.md, 6.4)", () => {
  const table = (fields = {}) =>
    virtio_iommu_req_attach_pst_arm.encode({ type: 6, domain: 2, endpoint: 8, format: 2, s1fmt: 2, s1dss: 2, s1contextptr: 0x8000_1000, s1cdmax: 16, ...fields });
  it("sets the host's table after ABORT", async () => {
    expect(await b.send(table())).toBe(OK);
    expect(b.told).toEqual(["abort()", 'translate({"s1contextptr":"0x80001000","s1cdmax":16,"s1fmt":2,"s1dss":2})']);
  });
  const refused: [string, Record<string, number>, number][] = [
    ["an unknown format", { format: 3 }, INVAL],
    ["format 1, which the host cannot bind", { format: 1 }, UNSUPP],
    ["reserved bytes", { reserved_high: 1 }, INVAL],
    ["s1fmt 3", { s1fmt: 3 }, INVAL],
    ["an unknown endpoint", { endpoint: 9 }, NOENT],
    ["more PASID bits than the endpoint has (VI-X-05)", { s1cdmax: 17 }, RANGE],
    ["a table that is not aligned to its size", { s1fmt: 0, s1cdmax: 8, s1contextptr: 0x8000_1000 }, RANGE],
    ["a table outside guest RAM", { s1contextptr: 0x9000_0000 }, FAULT],
  ];
  for (const [what, fields, status] of refused) {
    it(`${what}: status ${status}, nothing changes`, async () => {
      expect(await b.send(table(fields))).toBe(status);
      expect(b.told).toEqual([]);
      expect(b.endpoint.domain).toBeNull();
    });
  }
  it("MAP on a table domain is INVAL (VI-X-06), plain ATTACH to it too", async () => {
    await b.send(table());
    expect(await b.send(map(0, 0xfff, { domain: 2 }))).toBe(INVAL);
    expect(await b.send(attach(2))).toBe(INVAL);
  });
});

describe("PAGE_RESP (virtio-iommu.md, 6.6; VI-X-15 to VI-X-22)", () => {
  const answer = (fields: Record<string, number>) => virtio_iommu_req_page_resp.encode({ type: 8, endpoint: 8, group_id: 3, resp_code: 0, ...fields });
  it("completes a group once; the second answer is INVAL", async () => {
    b.endpoint.outstanding.push({ grpid: 3, pasid: 5, needsPasid: true });
    expect(await b.send(answer({ flags: 1, pasid: 5 }))).toBe(OK);
    expect(await b.send(answer({ flags: 1, pasid: 5 }))).toBe(INVAL);
    expect(b.responses).toEqual([[3, 5, 0]]);
  });
  it("another PASID is INVAL and the group stays open", async () => {
    b.endpoint.outstanding.push({ grpid: 3, pasid: 5, needsPasid: true });
    expect(await b.send(answer({ flags: 1, pasid: 6 }))).toBe(INVAL);
    expect(b.endpoint.outstanding).toHaveLength(1);
  });
  it("without the flag the PASID is rebuilt from the host's request", async () => {
    b.endpoint.outstanding.push({ grpid: 3, pasid: 5, needsPasid: true });
    expect(await b.send(answer({ pasid: 99 }))).toBe(OK);
    expect(b.responses).toEqual([[3, 5, 0]]);
  });
  it("of two groups with one id the oldest that fits is completed", async () => {
    b.endpoint.outstanding.push({ grpid: 3, pasid: 5, needsPasid: false }, { grpid: 3, pasid: 6, needsPasid: false });
    await b.send(answer({ flags: 1, pasid: 6, resp_code: 1 }));
    expect(b.endpoint.outstanding.map((group) => group.pasid)).toEqual([5]);
    expect(b.responses).toEqual([[3, null, 1]]);
  });
  it("is accepted while the endpoint has no domain", async () => {
    b.endpoint.outstanding.push({ grpid: 3, pasid: null, needsPasid: false });
    expect(b.endpoint.domain).toBeNull();
    expect(await b.send(answer({}))).toBe(OK);
  });
});
