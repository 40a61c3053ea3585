import { silentTracer } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";
import { newDomain } from "./domain.ts";
import type { Endpoint } from "./endpoint.ts";
import { respond } from "./page-response.ts";

/** Two endpoints, 8 and 16, of domain 1; each has group 3 open. */
function bench(switches: string[]) {
  const answered: number[] = [];
  const domain = newDomain(1, "table");
  const endpoints = new Map(
    [8, 16].map((id) => {
      const relay = { respond: () => Promise.resolve(answered.push(id) && 0) };
      return [id, { id, domain, relay, outstanding: [{ grpid: 3, pasid: 5, needsPasid: true }] } as unknown as Endpoint];
    }),
  );
  for (const endpoint of endpoints.values()) domain.endpoints.add(endpoint);
  const context = { endpoints, attachments: { domains: new Map([[1, domain]]) }, tracer: silentTracer, switches: new Set(switches) };
  return { answered, send: (endpoint: number, domain?: number) => respond(context, { endpoint, domain, pasid: 5, grpid: 3, code: 0 }) };
}

describe("PAGE_RESP of rfc-v1 names a domain (virtio-iommu.md, 6.6; OQ-1)", () => {
  it("which is ignored: the answer goes to the endpoint, in whatever domain it is (VI-X-22)", async () => {
    const { answered, send } = bench([]);
    expect([await send(16, 1), await send(8, 2), answered]).toEqual([0, 0, [16, 8]]);
  });
  it("RR-66: by which the ring is found with the defect: another function's, or none after a re-attach", async () => {
    const { answered, send } = bench(["RR-66"]);
    expect([await send(16, 1), await send(8, 2), answered]).toEqual([0, 6, [8]]); // NOENT
  });
  it("review has none, and RR-66 nothing to go by", async () => {
    const { answered, send } = bench(["RR-66"]);
    expect([await send(16), answered]).toEqual([0, [16]]);
  });
});
