import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";

/* Orders of flow.md, T1 and T2, and of iommu-core.md IC-1105, as they can be read from a history. Each returns what is wrong, as sentences. */

const endpointOf = ({ ids }: TraceEvent): string | undefined => ids.endpoint ?? ids.sid;
/** Steps of an unbind, in order. A bond whose process died has been flushed before. */
const STEPS = ["stopped", "drained", "cd invalid", "flushed", "drained again", "unbound", "free"] as const;

function stepOf(event: TraceEvent): (typeof STEPS)[number] | null {
  if (event.kind === "guest.pasid-stopped") return "stopped";
  if (event.kind === "guest.pasid-drained") return event.fields.stage === "stopped" ? "drained" : "drained again";
  if (event.kind === "guest.cd-written" && event.fields.valid === false) return "cd invalid";
  if (event.kind === "guest.unbind") return "unbound";
  return event.kind === "guest.pasid-freed" ? "free" : null;
}

/** IC-1105: every PASID that is freed was stopped, drained, cleared, flushed and drained, in this order, since its bind. */
export function unbindsOutOfOrder(history: readonly TraceEvent[]): string[] {
  const steps = new Map<string, string[]>();
  const asids = new Map<string, number | undefined>();
  const wrong: string[] = [];
  for (const event of history) {
    const key = `${endpointOf(event)} PASID ${event.ids.pasid}`;
    if (event.kind === "guest.bind") {
      steps.set(key, []);
      asids.set(key, event.ids.asid);
    }
    if (event.kind === "guest.invalidate" && event.fields.granularity === "ASID")
      for (const [other, asid] of asids) if (asid === event.ids.asid) steps.get(other)?.push("flushed");
    const step = stepOf(event);
    if (!step) continue;
    steps.get(key)?.push(step);
    if (step !== "free") continue;
    const seen = steps.get(key) ?? [];
    const died = seen[0] === "flushed"; // T2: the exit flushed, unbind does not again
    const expected = died ? ["flushed", ...STEPS.filter((one) => one !== "flushed")] : [...STEPS];
    if (seen.join() !== expected.join()) wrong.push(`${key}, freed at #${event.n}: ${seen.join(", ")}`);
    asids.delete(key);
  }
  return wrong;
}

/** T1, steps 1 and 6: a PASID whose CD was made invalid is silent: the device neither translates nor asks for pages under it until the next CD is written. */
export function useOfClearedPasids(history: readonly TraceEvent[]): string[] {
  const cleared = new Map<string, number>();
  const wrong: string[] = [];
  for (const event of history) {
    const key = `${endpointOf(event)} PASID ${event.ids.pasid}`;
    if (event.kind === "guest.cd-written" && event.fields.valid === false) cleared.set(key, event.n);
    if (event.kind === "guest.cd-written" && event.fields.valid === true) cleared.delete(key);
    const uses = event.kind === "ats.translation-request" || event.kind === "endpoint.page-request";
    if (uses && cleared.has(key)) wrong.push(`${key}: ${event.kind} at #${event.n}, invalid since #${cleared.get(key)}`);
  }
  return wrong;
}

/** S28: a page request reaches the guest's IOMMU core only while the PASID belongs to whom it belonged when the device asked. */
export function lateFaults(history: readonly TraceEvent[]): string[] {
  const freed = new Map<string, number>();
  const asked = new Map<string, number>();
  const wrong: string[] = [];
  for (const event of history) {
    const key = `${endpointOf(event)} PASID ${event.ids.pasid}`;
    const request = `${key} group ${event.ids.grpid} ${event.ids.iova ?? event.ids.gva}`;
    if (event.kind === "guest.pasid-freed") freed.set(key, event.n);
    if (event.kind === "endpoint.page-request") asked.set(request, event.n);
    if (event.kind !== "guest.event-received") continue;
    const since = freed.get(key);
    if (since !== undefined && (asked.get(request) ?? 0) < since)
      wrong.push(`${request}: asked for at #${asked.get(request)}, PASID freed at #${since}, received at #${event.n}`);
  }
  return wrong;
}

/** S22: requests in the fault ring whose group's last one never got there. */
export function reportedWithoutLast(history: readonly TraceEvent[]): string[] {
  const open = new Map<string, number>();
  for (const event of history) {
    if (event.kind !== "host.fault-reported") continue;
    const key = `${event.ids.sid} PASID ${event.ids.pasid} group ${event.ids.grpid}`;
    if (event.fields.last === true) open.delete(key);
    else open.set(key, event.n);
  }
  return [...open].map(([key, n]) => `${key}: since #${n}`);
}

/** T2: tables are freed after nothing walks them, and both before the device is told to stop. */
export function exitsOutOfOrder(history: readonly TraceEvent[]): string[] {
  const wrong: string[] = [];
  for (const [at, released] of history.entries()) {
    if (released.kind !== "guest.mm-released" || released.ids.pasid === 0) continue; // PASID 0: unbound before
    const { pasid } = released.ids;
    const before = history.slice(0, at);
    const bind = before.findLastIndex((event) => event.kind === "guest.bind" && event.ids.pasid === pasid);
    const life = before.slice(bind);
    const quiet = life.findIndex((event) => event.kind === "guest.cd-written" && event.fields.quiet === true && event.ids.pasid === pasid);
    const asid = before[bind]?.ids.asid;
    const flushed = life.findIndex((event, i) => i > quiet && event.kind === "guest.invalidate" && event.fields.granularity === "ASID" && event.ids.asid === asid);
    const early = life.some((event) => event.kind === "guest.frames-freed" && event.ids.gva === "0x0" && event.ids.pasid === pasid);
    if (quiet < 0 || flushed < 0 || early) wrong.push(`PASID ${pasid} at #${released.n}: quiet ${quiet >= 0}, flushed ${flushed >= 0}, freed before ${early}`);
  }
  return wrong;
}

/** What the guest holds when a workload has ended, but for the frames it has since boot. */
export function countsLeft(history: readonly TraceEvent[]): Record<string, unknown> {
  const fields = history.findLast(({ kind }) => kind === "guest.workload-done")?.fields ?? {};
  return Object.fromEntries(Object.entries(fields).filter(([name, value]) => name !== "framesAllocated" && value !== 0));
}
