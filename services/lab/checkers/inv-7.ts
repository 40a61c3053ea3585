import { ENOENT } from "@faultline/shared/linux-uapi/errno.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import {
  VIRTIO_IOMMU_T_ATTACH,
  VIRTIO_IOMMU_T_ATTACH_TABLE,
  VIRTIO_IOMMU_T_DETACH,
  VIRTIO_IOMMU_T_INVALIDATE,
  VIRTIO_IOMMU_T_MAP,
  VIRTIO_IOMMU_T_UNMAP,
} from "@faultline/shared/virtio/virtio-iommu.ts";
import { inParts, type Violation } from "./checker.ts";
import { endpointOf, forgetGroups, numberOf, pasidText } from "./naming.ts";

/** Those that change or read a domain. */
const DOMAIN_REQUESTS = [
  VIRTIO_IOMMU_T_ATTACH,
  VIRTIO_IOMMU_T_DETACH,
  VIRTIO_IOMMU_T_MAP,
  VIRTIO_IOMMU_T_UNMAP,
  VIRTIO_IOMMU_T_ATTACH_TABLE,
  VIRTIO_IOMMU_T_INVALIDATE,
].map((type) => `vmm.request ${type}` as const);

/**
 * INV-7: a failed operation leaves no partial state, and its error is seen by who asked. Judged where the history shows both ends: a bind that returned nothing but left a valid CD; a
 * system call that failed and left another STE; an INVALIDATE of a domain that the device does not know yet (RR-82), or one that is answered OK although the host refused what it asked for (RR-69); requests of a group whose last one an overflow refused (S22).
 */
export const inv7 = inParts("INV-7", "A failed operation leaves no partial state; an error is visible to its caller.", [
  { reads: ["edge.break", "guest.bind", "guest.cd-written", "guest.unbind"], check: validCdsWithoutBind },
  { reads: ["guest.bind", "guest.invalidate"], check: bindsOfFailedInvalidations },
  { reads: ["edge.break", "guest.attach-table", "guest.invalidate"], check: invalidationsOfNothing },
  { reads: ["edge.deliver ioctl", "host.ioctl", "host.ste-written"], check: stesOfFailedCalls },
  { reads: ["vmm.ioctl", ...DOMAIN_REQUESTS], check: swallowedErrors },
  { reads: ["endpoint.flr", "host.pri-record", "host.queue-overflow"], check: partialAfterOverflow },
]);

/** PASID 0 is the endpoint's own table entry, written at attach. */
function validCdsWithoutBind(history: readonly TraceEvent[]): Violation[] {
  const unbound = new Map<string, TraceEvent>();
  const keyOf = (event: TraceEvent) => `${event.who}/${endpointOf(event)}/${event.ids.pasid}`;
  for (const event of history) {
    if (event.kind === "guest.bind" || event.kind === "guest.unbind") unbound.delete(keyOf(event));
    else if (event.kind === "guest.cd-written" && event.ids.pasid !== 0) {
      if (event.fields.valid && !event.fields.quiet) unbound.set(keyOf(event), event);
      else unbound.delete(keyOf(event));
    } else if (event.kind === "edge.break") for (const [name, { who }] of unbound) if (who === event.who) unbound.delete(name);
  }
  return [...unbound.values()].map((event) => ({
    invariant: "INV-7",
    message: `endpoint ${endpointOf(event)}, ${pasidText(event.ids.pasid)}: its CD is valid since #${event.n}, but no bind succeeded: no CD write with V = 0 after #${event.n}`,
    events: [event.n],
  }));
}

/** INVALIDATEs that a CD's writing takes: before and after V = 1 (spec/flow.md, S5). */
const SYNCS_OF_A_CD = 2;

/** S38: a bind that succeeds although the hardware was not told of its CD. */
function bindsOfFailedInvalidations(history: readonly TraceEvent[]): Violation[] {
  const violations: Violation[] = [];
  const failed = new Map<string, { event: TraceEvent; since: number }>();
  for (const event of history) {
    if (event.kind !== "guest.invalidate" && event.kind !== "guest.bind") continue;
    const key = `${event.who}/${event.ids.pasid}`;
    const known = failed.get(key);
    if (event.kind === "guest.invalidate") {
      if (event.fields.granularity !== "PASID") continue;
      if (Number(event.fields.ret) < 0) failed.set(key, { event, since: 0 });
      else if (known && ++known.since === SYNCS_OF_A_CD) failed.delete(key);
    } else if (known) {
      failed.delete(key);
      violations.push({
        invariant: "INV-7",
        message: `endpoint ${endpointOf(event)}, ${pasidText(event.ids.pasid)}: bound at #${event.n} although the INVALIDATE of its CD failed at #${known.event.n} (${known.event.fields.ret})`,
        events: [known.event.n, event.n],
      });
    }
  }
  return violations;
}

/** RR-82: the device was told of caches of a domain that it learned of afterwards. Its answer went nowhere. */
function invalidationsOfNothing(history: readonly TraceEvent[]): Violation[] {
  const violations: Violation[] = [];
  const early = new Map<string, TraceEvent>();
  for (const event of history) {
    const key = `${event.who}/${event.ids.domain}`;
    const first = early.get(key);
    if (event.kind === "guest.invalidate" && event.fields.ret === -ENOENT && !first) early.set(key, event);
    else if (event.kind === "edge.break") for (const [name, { who }] of early) if (who === event.who) early.delete(name);
    if (event.kind !== "guest.attach-table" || !first) continue;
    early.delete(key);
    violations.push({
      invariant: "INV-7",
      message: `endpoint ${endpointOf(event)}: INVALIDATE of domain ${event.ids.domain} at #${first.n}, which the device did not know before #${event.n} (${first.fields.ret})`,
      events: [first.n, event.n],
    });
  }
  return violations;
}

/** The STE before a system call that failed is the STE after it (step a of spec/flow.md: no partial STE). */
function stesOfFailedCalls(history: readonly TraceEvent[]): Violation[] {
  const violations: Violation[] = [];
  const configs = new Map<string, number>();
  /** Per fd: what each STE was when the latest call on it came in. */
  const calls = new Map<number | undefined, { began: TraceEvent; before: Map<string, number>; written: Map<string, TraceEvent> }>();
  for (const event of history) {
    if (event.kind === "edge.deliver" && event.who === "host") {
      calls.set(event.ids.fd, { began: event, before: new Map(configs), written: new Map() });
    } else if (event.kind === "host.ste-written") {
      configs.set(endpointOf(event), numberOf(event.fields, "config"));
      for (const call of calls.values()) call.written.set(endpointOf(event), event);
    } else if (event.kind === "host.ioctl") {
      const call = calls.get(event.ids.fd);
      calls.delete(event.ids.fd);
      // Calls of other VMMs may have written STEs meanwhile: only one call at a time says whose writes these are.
      if (!call || calls.size > 0 || Number(event.fields.ret) >= 0) continue;
      for (const [sid, write] of call.written) {
        const before = call.before.get(sid);
        if (before === undefined || before === numberOf(write.fields, "config")) continue;
        violations.push({
          invariant: "INV-7",
          message: `endpoint ${sid}: ${event.fields.name} failed (${event.fields.ret}) and left STE.Config ${write.fields.config}, it was ${before}`,
          events: [call.began.n, write.n, event.n],
        });
      }
    }
  }
  return violations;
}

/** Requests that change or read domains are executed one after the other, so a call of the host between two of them belongs to the second. */
function swallowedErrors(history: readonly TraceEvent[]): Violation[] {
  const violations: Violation[] = [];
  const refused = new Map<string, TraceEvent>();
  for (const event of history) {
    if (event.kind === "vmm.ioctl" && event.fields.name === "VFIO_IOMMU_CACHE_INVALIDATE" && Number(event.fields.ret) < 0) refused.set(event.who, event);
    if (event.kind !== "vmm.request") continue;
    const call = refused.get(event.who);
    refused.delete(event.who);
    if (!call || event.fields.type !== VIRTIO_IOMMU_T_INVALIDATE || event.fields.status !== 0) continue;
    violations.push({
      invariant: "INV-7",
      message: `${event.who}: INVALIDATE was answered OK although the host refused VFIO_IOMMU_CACHE_INVALIDATE (${call.fields.ret})`,
      events: [call.n, event.n],
    });
  }
  return violations;
}

/** S22: what was taken of groups whose last request the overflow may have refused is discarded with its acknowledgement, so that it joins no later group of that index. */
function partialAfterOverflow(history: readonly TraceEvent[]): Violation[] {
  const violations: Violation[] = [];
  /** Requests of groups without a last one yet, and those that an overflow should have discarded. */
  const open = new Map<string, TraceEvent[]>();
  for (const event of history) {
    if (event.kind === "host.pri-record") {
      if (event.fields.last === true && open.size === 0) continue;
      const key = `${endpointOf(event)}/${event.ids.pasid}/${event.ids.grpid}`;
      if (event.fields.last === true) open.delete(key);
      else open.set(key, [...(open.get(key) ?? []), event]);
    } else if (event.kind === "endpoint.flr") {
      forgetGroups(open, endpointOf(event));
    } else if (event.kind === "host.queue-overflow" && event.fields.queue === "PRIQ") {
      const left = [...open.values()].flat();
      open.clear();
      if (left.length <= Number(event.fields.discarded)) continue;
      const [first] = left;
      violations.push({
        invariant: "INV-7",
        message: `endpoint ${endpointOf(first)}, ${pasidText(first.ids.pasid)}, group ${first.ids.grpid}: its last request may have been refused, and the overflow at #${event.n} discarded ${event.fields.discarded} of the ${left.length} requests that wait for theirs`,
        events: [first.n, event.n],
      });
    }
  }
  return violations;
}
