import type { TraceFields, TraceIds } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";
import { flI6 } from "./fl-i6.ts";
import { judgeBy } from "./index.ts";
import { inv5 } from "./inv-5.ts";
import { inv7 } from "./inv-7.ts";
import { inv9 } from "./inv-9.ts";
import { inv10 } from "./inv-10.ts";
import { ordFlood } from "./ord-flood.ts";
import { ordInvalidate } from "./ord-invalidate.ts";
import { ordPasid } from "./ord-pasid.ts";
import { ordStop } from "./ord-stop.ts";
import { ordVmid } from "./ord-vmid.ts";
import { type Line, written } from "./test-support/written-history.ts";

const endpoint = { endpoint: "0x8" };
const attach: Line = ["guest0", "guest.attach-table", { ...endpoint, domain: 1 }];
const bind = (mm = "first"): Line => ["guest0", "guest.bind", { ...endpoint, pasid: 5, asid: 2 }, { mm }];
const unbind: Line = ["guest0", "guest.unbind", { ...endpoint, pasid: 5, asid: 2 }];
const request: Line = ["smmu", "endpoint.page-request", { sid: "0x8", pasid: 5, grpid: 3, iova: "0x7000" }, { last: true, read: true }];
const response: Line = ["smmu", "endpoint.prg-response", { sid: "0x8", pasid: 5, grpid: 3 }, { code: 0, accepted: true }];
const handled: Line = ["guest0", "guest.fault-handled", { ...endpoint, pasid: 5, grpid: 3, gva: "0x7000" }, { result: "success" }];
const messages = (violations: { message: string }[]) => violations.map(({ message }) => message);

describe("INV-5 and INV-9: locks and counts at rest", () => {
  const counts = (phase: string, fields: Record<string, number>): Line => ["guest0", "guest.counts", {}, { phase, ...fields }];
  it("hold when the end is what the baseline was, and nothing is left of what was released", () => {
    const history = written(
      counts("baseline", { bonds: 0, framesAllocated: 12, locks: 0 }),
      counts("end", { bonds: 0, framesAllocated: 12, locks: 0 }),
      counts("released", { bonds: 0 }),
    );
    expect([...judgeBy([inv5], history), ...judgeBy([inv9], history)]).toEqual([]);
  });
  it("are violated by a lock that is held and by an object that is left, each by its own checker", () => {
    const history = written(counts("baseline", { bonds: 0, locks: 0 }), counts("end", { bonds: 1, locks: 1, "locks:endpoint 0x8 group mutex": 1 }));
    expect(messages(judgeBy([inv5], history))).toEqual(["guest0 still holds the lock endpoint 0x8 group mutex at rest"]);
    expect(messages(judgeBy([inv5], written(counts("end", { locks: 2 }))))).toEqual(["guest0 still holds 2 locks at rest"]);
    expect(judgeBy([inv9], history)).toEqual([{ invariant: "INV-9", message: "guest0: bonds is 1 at rest, it was 0", events: [1, 2] }]);
  });
  it("a lock that only the baseline saw is free: the boot had not let it go yet", () => {
    expect(judgeBy([inv5], written(counts("baseline", { locks: 1, "locks:pci access": 1 }), counts("end", { locks: 0 })))).toEqual([]);
  });
  it("accept a request that the lab lost, which no driver can take back, and not one more (virtio 1.2, 2.7.13)", () => {
    const lost = (requests: number) =>
      written(
        counts("baseline", { requests: 0 }),
        ["guest0", "edge.rule", {}, { rule: "fault-0", do: "drop", direction: "guest->vmm", kind: "available" }],
        ["vmm0", "edge.rule", {}, { rule: "fault-1", do: "delay", direction: "vmm->guest", kind: "used" }],
        counts("end", { requests }),
      );
    expect(judgeBy([inv9], lost(1))).toEqual([]);
    expect(messages(judgeBy([inv9], lost(2)))).toEqual(["guest0: requests is 2 at rest, it was 0"]);
  });
  it("take zero for a baseline that was not recorded, and for everything that was released", () => {
    expect(messages(judgeBy([inv9], written(counts("end", { pending: 2 }))))).toEqual(["guest0: pending is 2 at rest, it was 0"]);
    expect(messages(judgeBy([inv9], written(counts("baseline", { pinned: 4 }), counts("released", { pinned: 4 }))))).toEqual(["guest0: pinned is 4 at rest, it was 0"]);
  });
  it("judge host.released once no VMM is left", () => {
    const released = (fields: Record<string, number>): Line => ["host", "host.released", { vm: "0" }, fields];
    expect(judgeBy([inv9], written(released({ processes: 1, pinned: 4096 }), released({ processes: 0, pinned: 0 })))).toEqual([]);
    expect(messages(judgeBy([inv9], written(released({ processes: 0, handlers: 1 }))))).toEqual(["host: handlers is 1 after the last VMM (vm 0) was released"]);
  });
});

describe("INV-7: a failed operation leaves nothing, and is seen to fail", () => {
  const cd = (fields: Record<string, boolean>): Line => ["guest0", "guest.cd-written", { ...endpoint, pasid: 5, asid: 2 }, fields];
  it("is violated by a CD that stays valid without a bind, naming the write that is missing", () => {
    expect(judgeBy([inv7], written(cd({ valid: true }), bind()))).toEqual([]);
    expect(judgeBy([inv7], written(cd({ valid: true }), cd({ valid: false })))).toEqual([]);
    expect(messages(judgeBy([inv7], written(cd({ valid: true }))))).toEqual([
      "endpoint 0x8, PASID 5: its CD is valid since #1, but no bind succeeded: no CD write with V = 0 after #1",
    ]);
  });
  it("is violated by an INVALIDATE of a domain that is attached only later (RR-82); not by one of a kernel that is gone", () => {
    const invalidated = (ret: number): Line => ["guest0", "guest.invalidate", { domain: 1, pasid: 0 }, { granularity: "PASID", leaf: true, ret }];
    const attached: Line = ["guest0", "guest.attach-table", { ...endpoint, domain: 1 }, { ret: 0 }];
    expect(messages(judgeBy([inv7], written(invalidated(-2), invalidated(-2), attached)))).toEqual([
      "endpoint 0x8: INVALIDATE of domain 1 at #1, which the device did not know before #3 (-2)",
    ]);
    expect(judgeBy([inv7], written(attached, invalidated(0), invalidated(-2)))).toEqual([]);
    expect(judgeBy([inv7], written(invalidated(-2), ["guest0", "edge.break", {}, { edge: "virtio" }], attached))).toEqual([]);
  });
  const ioctl: Line = ["host", "edge.deliver", { fd: 7 }, { edge: "vfio", kind: "ioctl", seq: 4 }];
  const ste = (config: number): Line => ["host", "host.ste-written", { sid: "0x8" }, { config, syncs: 2 }];
  const returned = (ret: number): Line => ["host", "host.ioctl", { fd: 7 }, { name: "VFIO_IOMMU_SET_PASID_TABLE", ret }];
  it("is violated by a failed system call that left another STE", () => {
    expect(judgeBy([inv7], written(ste(6), ioctl, ste(0), ste(6), returned(-22)))).toEqual([]);
    expect(judgeBy([inv7], written(ste(6), ioctl, ste(7), returned(0)))).toEqual([]);
    expect(judgeBy([inv7], written(ste(6), ioctl, ste(7), returned(-22)))).toEqual([
      { invariant: "INV-7", message: "endpoint 0x8: VFIO_IOMMU_SET_PASID_TABLE failed (-22) and left STE.Config 7, it was 6", events: [2, 3, 4] },
    ]);
  });
  it("is violated by a bind that succeeds although the INVALIDATE of its CD failed (S38), not by what a later bind of the PASID does", () => {
    const invalidate = (ret: number, granularity = "PASID"): Line => ["guest0", "guest.invalidate", { domain: 1, pasid: 5 }, { granularity, ret }];
    expect(judgeBy([inv7], written(invalidate(0), invalidate(-5), bind()))).toEqual([
      { invariant: "INV-7", message: "endpoint 0x8, PASID 5: bound at #3 although the INVALIDATE of its CD failed at #2 (-5)", events: [2, 3] },
    ]);
    expect(judgeBy([inv7], written(invalidate(-5), invalidate(0), bind()))).toHaveLength(1);
    expect(judgeBy([inv7], written(invalidate(-5), invalidate(0), invalidate(0), bind()))).toEqual([]);
    expect(judgeBy([inv7], written(invalidate(-5, "ASID"), bind()))).toEqual([]);
  });
  it("is violated by an overflow with whose acknowledgement a partial group is not discarded (S22)", () => {
    const taken = (grpid: number, last: boolean): Line => ["host", "host.pri-record", { sid: "0x8", pasid: 5, grpid }, { last }];
    const overflow = (discarded: number): Line => ["host", "host.queue-overflow", {}, { queue: "PRIQ", discarded }];
    expect(judgeBy([inv7], written(taken(3, false), taken(4, false), taken(4, true), overflow(1)))).toEqual([]);
    expect(judgeBy([inv7], written(taken(3, false), ["smmu", "endpoint.flr", { sid: "0x8" }], overflow(0)))).toEqual([]);
    expect(judgeBy([inv7], written(taken(3, false), taken(3, false), overflow(1)))).toEqual([
      {
        invariant: "INV-7",
        message: "endpoint 0x8, PASID 5, group 3: its last request may have been refused, and the overflow at #3 discarded 1 of the 2 requests that wait for theirs",
        events: [1, 3],
      },
    ]);
  });
  it("is violated by an INVALIDATE that is answered OK although the host refused it (RR-69)", () => {
    const call: Line = ["vmm0", "vmm.ioctl", { fd: 7 }, { name: "VFIO_IOMMU_CACHE_INVALIDATE", ret: -22 }];
    const answered = (status: number): Line => ["vmm0", "vmm.request", {}, { type: 7, status }];
    expect(judgeBy([inv7], written(call, answered(4)))).toEqual([]);
    expect(messages(judgeBy([inv7], written(call, answered(0))))).toEqual([
      "vmm0: INVALIDATE was answered OK although the host refused VFIO_IOMMU_CACHE_INVALIDATE (-22)",
    ]);
  });
});

describe("INV-10: what was enabled works", () => {
  const translation = (fields: object): Line => [
    "smmu",
    "ats.translation-request",
    { sid: "0x8", pasid: 5, iova: "0x7000" },
    { status: "SC", R: false, W: false, ...fields },
  ];
  it("is violated when translations give no access and no page request is ever sent (RR-89)", () => {
    expect(judgeBy([inv10], written(bind(), translation({}), request))).toEqual([]);
    expect(messages(judgeBy([inv10], written(bind(), translation({}), translation({}))))).toEqual([
      "endpoint 0x8: 2 translations gave no access and no page request was ever sent: PRI is not enabled in the function",
    ]);
  });
  it("expects no page request where a reset took them away, and the one at open is none", () => {
    const flr: Line = ["smmu", "endpoint.flr", { sid: "0x8" }];
    expect(judgeBy([inv10], written(bind(), translation({}), flr))).toEqual([]);
    expect(judgeBy([inv10], written(flr, bind(), translation({})))).toHaveLength(1);
    expect(judgeBy([inv10], written(bind(), translation({}), ["smmu", "endpoint.flr", { sid: "0x10" }]))).toHaveLength(1);
  });
  it("is violated when a process is bound after a Response Failure to a function that nobody has reset (spec/flow.md, h)", () => {
    const failure: Line = ["smmu", "endpoint.prg-response", { sid: "0x8", pasid: 5, grpid: 3 }, { code: 15, accepted: true }];
    const flr: Line = ["smmu", "endpoint.flr", { sid: "0x8" }];
    expect(messages(judgeBy([inv10], written(request, failure, bind(), translation({}))))).toEqual([
      "endpoint 0x8: bound at #3, its translation gave no access at #4 and no page request followed: no reset after the Response Failure at #2",
    ]);
    expect(judgeBy([inv10], written(request, failure, flr, bind(), translation({})))).toEqual([]);
    expect(judgeBy([inv10], written(request, failure, bind(), translation({ R: true })))).toEqual([]);
    expect(judgeBy([inv10], written(bind(), request, failure, translation({})))).toEqual([]); // of before the failure: its job ends
  });
  it("is violated by a removal of a bound function that its guest is not told of, unless somebody on the way is gone (PCIe 6.7.3)", () => {
    const removed: Line = ["host", "host.function-removed", { sid: "0x8" }, { present: false }];
    const told: Line = ["guest0", "guest.function-removed", { endpoint: "0x8" }, { queues: 1 }];
    expect(messages(judgeBy([inv10], written(bind(), removed)))).toEqual(["endpoint 0x8: removed from the host at #2, and its guest was never told"]);
    expect(judgeBy([inv10], written(bind(), removed, told))).toEqual([]);
    expect(judgeBy([inv10], written(removed))).toEqual([]);
    expect(judgeBy([inv10], written(bind(), removed, ["vmm0", "edge.break", {}, { edge: "virtio" }]))).toEqual([]);
  });
  it("is violated when a bound PASID meets C_BAD_CD, naming the CFGI_CD that is missing (RR-52)", () => {
    const bad = translation({ status: "CA", event: "C_BAD_CD" });
    expect(messages(judgeBy([inv10], written(attach, bind(), bad)))).toEqual([
      "endpoint 0x8, PASID 5: C_BAD_CD although it is bound since #2: no CMD_CFGI_CD for PASID 5 between #0 and #2",
    ]);
    expect(judgeBy([inv10], written(attach, bind(), unbind, bad))).toEqual([]);
  });
  it("expects nothing of a bind after a reset of its function, or when its kernel, the host or the SMMU is gone; and of others what it did", () => {
    const bad = translation({ status: "CA", event: "C_BAD_CD" });
    const broken = (who: string): Line => [who, "edge.break", {}, { edge: "virtio" }];
    const after = (line: Line) => judgeBy([inv10], written(attach, bind(), line, bad)).length;
    expect([after(["smmu", "endpoint.flr", { sid: "0x8" }]), after(broken("vmm0")), after(broken("guest0")), after(broken("host"))]).toEqual([0, 0, 0, 0]);
    expect([after(["smmu", "endpoint.flr", { sid: "0x10" }]), after(broken("vmm1"))]).toEqual([1, 1]);
  });
});

describe("FL-I6: no fault of a PASID is applied after its unbind", () => {
  it("holds for faults before the unbind and for requests of the new process", () => {
    expect(judgeBy([flI6], written(bind(), request, handled, unbind, bind("second"), request, handled))).toEqual([]);
  });
  it("is violated by a fault that is applied after the unbind", () => {
    expect(messages(judgeBy([flI6], written(bind(), request, unbind, handled)))).toEqual([
      "endpoint 0x8, PASID 5, group 3: the fault at 0x7000 was applied after the unbind at #3",
    ]);
  });
  it("is violated by a request of the first process that lands in the second (RR-29)", () => {
    expect(judgeBy([flI6], written(bind(), request, unbind, bind("second"), handled))).toEqual([
      {
        invariant: "FL-I6",
        message: "endpoint 0x8, PASID 5, group 3: the page request of before the unbind at #3 was applied to second, which has the PASID since #4",
        events: [2, 3, 4, 5],
      },
    ]);
  });
});

describe("ORD-PASID: drain before PASID re-use (IC-1105)", () => {
  it("holds when the groups of before are answered or closed at the second bind", () => {
    expect(judgeBy([ordPasid], written(attach, bind(), request, unbind, response, bind("second")))).toEqual([]);
    expect(judgeBy([ordPasid], written(attach, bind(), request, unbind, ["smmu", "endpoint.flr", { sid: "0x8" }], bind("second")))).toEqual([]);
  });
  it("is violated otherwise, naming group and drain", () => {
    expect(judgeBy([ordPasid], written(attach, bind(), request, unbind, bind("second")))[0].message).toMatch(
      /PASID 5 was bound again at #5 with 1 group of its former process unanswered \(endpoint 0x8, group 3\): no drain between #4 and #5/,
    );
  });
  it("does not take a second device of the same process for another owner", () => {
    const other: Line = ["guest0", "guest.bind", { endpoint: "0x10", pasid: 5, asid: 2 }, { mm: "first" }];
    expect(judgeBy([ordPasid], written(attach, bind(), other, request, unbind, bind()))).toEqual([]);
  });
  it("is violated by a bind to another process while a bond has the PASID (S30), and not by one of the next kernel", () => {
    expect(judgeBy([ordPasid], written(attach, bind(), bind("second")))).toEqual([
      { invariant: "ORD-PASID", message: "PASID 5 was given to second at #3 while endpoint 0x8 has it for first since #2: no unbind between", events: [2, 3] },
    ]);
    expect(judgeBy([ordPasid], written(attach, bind(), unbind, bind("second")))).toEqual([]);
    expect(judgeBy([ordPasid], written(attach, bind(), attach, bind("second")))).toEqual([]);
  });
});

describe("ORD-VMID: a VMID changes its domain after a TLBI, and never sees one of the former again", () => {
  const of = (kind: string, domain: number): Line => ["host", kind, { vmid: 3, domain }];
  const tlbi: Line = ["smmu", "command.executed", { vmid: 3 }, { name: "CMD_TLBI_S12_VMALL" }];
  it("holds with CMD_TLBI_S12_VMALL in between", () => {
    expect(judgeBy([ordVmid], written(of("host.stage2-map", 1), of("host.stage2-unmap", 1), tlbi, of("host.domain-attach", 2)))).toEqual([]);
  });
  it("is violated without it", () => {
    expect(messages(judgeBy([ordVmid], written(of("host.stage2-map", 1), of("host.stage2-map", 2))))).toEqual([
      "VMID 3 went from domain 1 to domain 2: no CMD_TLBI_S12_VMALL for it between #1 and #2",
    ]);
  });
  it("is violated by an invalidation of the former domain that comes later", () => {
    expect(messages(judgeBy([ordVmid], written(of("host.stage2-map", 1), tlbi, of("host.stage2-map", 2), of("host.stage2-unmap", 1))))).toEqual([
      "domain 1 invalidated VMID 3 at #4, which is domain 2's since #3",
    ]);
  });
});

describe("ORD-INVALIDATE: complete in the hardware before complete in the guest", () => {
  /** An INVALIDATE and its completion, with what happened in between. */
  const invalidate = (before: Line[], ids: TraceIds, fields: TraceFields, types: number, between: Line[]) => {
    const request: Line = ["guest0", "guest.invalidate-request", { domain: 1, ...ids }, { ...fields, types }];
    const events = written(...before, request, ...between, ["guest0", "guest.invalidate", { domain: 1, ...ids }, { ...fields, ret: 0 }]);
    return events.map((event) => (event.kind === "guest.invalidate" ? { ...event, cause: before.length + 1 } : event));
  };
  const executed = (name: string, fields: object = {}): Line => ["smmu", "command.executed", {}, { name, ...fields }];
  const sync = executed("CMD_SYNC");
  const fill: Line = ["smmu", "endpoint.atc-fill", { sid: "0x8", pasid: 5, iova: "0x7000", pa: "0x41000000" }, { bytes: 4096 }];
  const byPasid = (...between: Line[]) => invalidate([attach], { pasid: 5 }, { granularity: "PASID" }, 4, between);
  const byVa = (...between: Line[]) => invalidate([attach, fill], { asid: 2, gva: "0x10000" }, { granularity: "VA", pages: 4 }, 3, between);
  const tlbi = (NUM: number) => executed("CMD_TLBI_NH_VA", { Addr: "0x10000", ASID: 2, VMID: 1, NUM, SCALE: 0, TG: 1 });
  const atc = (bytes: string): Line[] => [
    ["smmu", "ats.invalidate-request", { sid: "0x8", iova: "0x10000" }, { itag: 0, bytes }],
    ["smmu", "ats.invalidate-completion", { sid: "0x8" }, { itag: 0 }],
  ];

  it("names the CMD_CFGI_CD of the PASID that is missing, and does not take one of another PASID or one without CMD_SYNC for it", () => {
    expect(judgeBy([ordInvalidate], byPasid(executed("CMD_CFGI_CD", { SubstreamID: 5 }), sync))).toEqual([]);
    const missing = /^domain 1: the INVALIDATE by PASID was complete for guest0 at #\d: no CMD_CFGI_CD for PASID 5 and CMD_SYNC between #2 and #\d$/;
    for (const between of [[], [executed("CMD_CFGI_CD", { SubstreamID: 6 }), sync], [executed("CMD_CFGI_CD", { SubstreamID: 5 })]]) {
      expect(messages(judgeBy([ordInvalidate], byPasid(...between)))).toEqual([expect.stringMatching(missing)]);
    }
  });
  it("names the first page that a range leaves in the TLB (S07)", () => {
    expect(judgeBy([ordInvalidate], byVa(tlbi(3), sync, ...atc("0x4000")))).toEqual([]);
    expect(judgeBy([ordInvalidate], byVa(tlbi(1), sync, ...atc("0x4000")))[0].message).toMatch(/no CMD_TLBI_NH_VA for ASID 2, page 0x12000, and CMD_SYNC between #3 and/);
  });
  it("names the page between two ranges, and takes ranges that overlap for one", () => {
    const at = (Addr: string, NUM: number) => executed("CMD_TLBI_NH_VA", { Addr, ASID: 2, VMID: 1, NUM, SCALE: 0, TG: 1 });
    expect(judgeBy([ordInvalidate], byVa(at("0x12000", 1), at("0x10000", 2), sync, ...atc("0x4000")))).toEqual([]);
    expect(judgeBy([ordInvalidate], byVa(at("0x10000", 0), at("0x12000", 1), sync, ...atc("0x4000")))[0].message).toMatch(/page 0x11000,/);
    expect(judgeBy([ordInvalidate], byVa(at("0x20000", 7), sync, ...atc("0x4000")))[0].message).toMatch(/page 0x10000,/);
  });
  it("names the endpoint whose ATC did not complete, or not for all of the range", () => {
    expect(judgeBy([ordInvalidate], byVa(tlbi(3), sync))[0].message).toMatch(/no ATS Invalidate Completion of endpoint 0x8 for all of it/);
    expect(judgeBy([ordInvalidate], byVa(tlbi(3), sync, ...atc("0x2000")))).toHaveLength(1);
  });
  it("takes the endpoints whose CDs are of the domain for its endpoints when the history began after the boot", () => {
    const ofDomain: Line = ["guest0", "guest.cd-written", { ...endpoint, pasid: 5, domain: 1 }, { valid: true }];
    const late = (...between: Line[]) => byPasid(...between).flatMap((event) => (event.kind === "guest.attach-table" ? written(ofDomain) : [event]));
    expect(judgeBy([ordInvalidate], late(executed("CMD_CFGI_CD", { SubstreamID: 5 }), sync))).toEqual([]);
    expect(judgeBy([ordInvalidate], late())).toHaveLength(1);
  });
  it("does not judge an INVALIDATE for a domain that no endpoint is in", () => {
    expect(
      judgeBy(
        [ordInvalidate],
        byPasid().map((event) => (event.kind === "guest.attach-table" ? { ...event, ids: { ...event.ids, domain: 2 } } : event)),
      ),
    ).toEqual([]);
  });
  it("does not judge an INVALIDATE that failed", () => {
    const failed = byPasid().map((event) => (event.kind === "guest.invalidate" ? { ...event, fields: { ...event.fields, ret: -5 } } : event));
    expect(judgeBy([ordInvalidate], failed)).toEqual([]);
  });
});

describe("ORD-FLOOD: a bounded number of commands (S08)", () => {
  const pageBy = (ASID: number, count: number): Line[] =>
    Array.from({ length: count }, (_, i) => ["smmu", "command.executed", {}, { name: "CMD_TLBI_NH_VA", ASID, VMID: 1, Addr: `0x${(0x10000 + i * 4096).toString(16)}` }]);
  const took = (ASID: number, commands: number, pages = 600) => {
    const what: [TraceIds, TraceFields] = [
      { domain: 1, asid: 2, gva: "0x10000" },
      { granularity: "VA", pages },
    ];
    const lines: Line[] = [["guest0", "guest.invalidate-request", what[0], what[1]], ...pageBy(ASID, commands), ["smmu", "command.executed", {}, { name: "CMD_SYNC" }]];
    return judgeBy([ordFlood], written(...lines, ["guest0", "guest.invalidate", what[0], { ...what[1], ret: 0 }]));
  };
  it("is violated by one command more than 512 for one range", () => {
    expect(took(2, 512)).toEqual([]);
    expect(messages(took(2, 513))).toEqual(["domain 1: the INVALIDATE of 600 pages of ASID 2 took 513 CMD_TLBI_NH_VA: no CMD_TLBI_NH_ASID instead between #0 and #516"]);
  });
  it("is not violated by commands for another ASID, or by those of other ranges beside a short one", () => {
    expect(took(3, 600)).toEqual([]);
    expect(took(2, 600, 500)).toEqual([]);
  });
});

describe("ORD-STOP: the device is stopped before its CD goes (IC-108)", () => {
  const bad: Line = ["smmu", "ats.translation-request", { sid: "0x8", pasid: 5, iova: "0x7000" }, { status: "CA", event: "C_BAD_CD" }];
  const cfgi: Line = ["smmu", "command.executed", { sid: "0x8", pasid: 5 }, { name: "CMD_CFGI_CD", SubstreamID: 5, StreamID: "0x8" }];
  it("is violated by a use of the PASID after the CFGI_CD that clears it", () => {
    expect(messages(judgeBy([ordStop], written(bind(), cfgi, bad, bad)))).toEqual([
      "endpoint 0x8 used PASID 5 at #3, after CMD_CFGI_CD at #2 cleared its CD: no stop of the device between #1 and #2",
    ]);
    const record: Line = ["smmu", "event-queue.record", { sid: "0x8", ssid: 5 }, { event: "C_BAD_SUBSTREAMID" }];
    expect(judgeBy([ordStop], written(bind(), cfgi, record))).toHaveLength(1);
  });
  it("does not judge a PASID that was never bound, or bound and not cleared", () => {
    expect(judgeBy([ordStop], written(cfgi, bad, bind(), bad))).toEqual([]);
  });
});
