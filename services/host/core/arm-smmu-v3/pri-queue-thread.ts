import { PRI_RESP } from "@faultline/shared/arm-smmu-v3/command.ts";
import { PRIQ_ENTRY } from "@faultline/shared/arm-smmu-v3/page-request.ts";
import { hex } from "@faultline/shared/codec/uint64.ts";
import type { Execution } from "@faultline/shared/execution/execution.ts";
import { iommu_report_device_fault, type PageRequestFault } from "@faultline/shared/linux/report-device-fault.ts";
import {
  IOMMU_FAULT_PAGE_REQ,
  IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE,
  IOMMU_FAULT_PAGE_REQUEST_PASID_VALID,
  IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID,
  IOMMU_FAULT_PERM_EXEC,
  IOMMU_FAULT_PERM_PRIV,
  IOMMU_FAULT_PERM_READ,
  IOMMU_FAULT_PERM_WRITE,
} from "@faultline/shared/linux-uapi/iommu.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";
import { priResp } from "./command-encoding.ts";
import type { CommandQueue } from "./command-queue.ts";
import type { Master } from "./master.ts";
import type { OutputQueue } from "./output-queue.ts";
import type { PartialGroups } from "./partial-groups.ts";

export interface PriThreadContext {
  queue: OutputQueue;
  commandQueue: CommandQueue;
  execution: Execution;
  tracer: Tracer;
  switches: ReadonlySet<string>;
  partial: PartialGroups;
  master(sid: number): Master | null;
}

/**
 * arm_smmu_priq_thread of "[PATCH v8 9/9] iommu/arm-smmu-v3: Add support for PRI" with its defects fixed. PROD is read once more after each drain;
 * CONS is written once per drain (PRI8: per entry), so that a burst costs one register write.
 */
export async function priQueueThread(c: PriThreadContext): Promise<void> {
  const { queue } = c;
  const again = c.switches.has("M-compare-prod") && queue.empty ? queue.newest() : null;
  if (again) await handlePageRequest(c, again);
  do {
    let taken = false;
    for (let record = queue.take(); record; record = queue.take()) {
      taken = true;
      await handlePageRequest(c, record);
    }
    if (taken) await queue.release(false);
    if (c.switches.has("S18")) return; // what came in during the drain made no interrupt
    await queue.readProd();
    if (c.switches.has("S20") && queue.overflow) await acknowledgeOverflow(c);
  } while (!queue.empty);
  if (queue.overflow && !c.switches.has("S19")) await acknowledgeOverflow(c);
}

/** IC-1016: among the groups begun are those whose last request was refused. The function asks for their pages again. */
async function acknowledgeOverflow(c: PriThreadContext): Promise<void> {
  const discarded = c.switches.has("M-discard-partial") ? 0 : c.partial.discard();
  c.tracer.emit("host.queue-overflow", {}, { queue: "PRIQ", discarded });
  await c.queue.release(true);
}

/** To the IOMMU core. Of a request that is not the last of its group nobody hears when it fails: the function asks for the page again. */
async function report(c: PriThreadContext, master: Master, fault: PageRequestFault): Promise<number> {
  const { flags, grpid } = fault;
  const last = (flags & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE) !== 0;
  const pasid = flags & IOMMU_FAULT_PAGE_REQUEST_PASID_VALID ? fault.pasid : -1;
  await c.execution.point("host.pri-thread.before-report", { sid: master.sid, grpid, pasid, last });
  const ret = await iommu_report_device_fault(master.iommu, fault);
  if (ret < 0 && !last) {
    const ids = { sid: hex(master.sid), pasid: pasid < 0 ? undefined : pasid, grpid, iova: hex(fault.addr) };
    c.tracer.emit("host.fault-refused", ids, { ret, answered: false });
  }
  return ret;
}

async function handlePageRequest(c: PriThreadContext, record: Uint8Array): Promise<void> {
  const ppr = PRIQ_ENTRY.decode(record);
  const sid = Number(ppr.StreamID);
  const pasid = ppr.SSV ? Number(ppr.SubstreamID) : null;
  const grpid = Number(ppr.PRGIndex);
  const last = ppr.Last === 1n;
  const addr = ppr.Addr << 12n;
  const ids = { sid: hex(sid), pasid: pasid ?? undefined, grpid, iova: hex(addr) };
  c.tracer.emit("host.pri-record", ids, { last, read: ppr.R === 1n, write: ppr.W === 1n, exec: ppr.X === 1n, priv: ppr.Priv === 1n });

  const stopMarker = last && !ppr.R && !ppr.W;
  if (stopMarker && (pasid !== null || c.switches.has("RR-88"))) return; // IC-519: expects no response
  if (c.switches.has("RR-53")) {
    if (!last) return;
    await c.commandQueue.issue([priResp(sid, pasid, grpid, PRI_RESP.ResponseFailure)]);
    c.tracer.emit("host.pri-response", ids, { resp: PRI_RESP.ResponseFailure });
    return;
  }
  const master = c.master(sid);
  if (!master) {
    c.tracer.emit("host.fault-refused", ids, { ret: "no device", answered: false });
    return;
  }
  const needsPasid = pasid !== null && master.pri?.prgResponsePasidRequired === true;
  const fault: PageRequestFault = {
    type: IOMMU_FAULT_PAGE_REQ,
    flags:
      (pasid !== null ? IOMMU_FAULT_PAGE_REQUEST_PASID_VALID : 0) |
      (last ? IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE : 0) |
      (needsPasid ? IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID : 0),
    pasid: pasid ?? 0,
    grpid,
    addr,
    perm: (ppr.R ? IOMMU_FAULT_PERM_READ : 0) | (ppr.W ? IOMMU_FAULT_PERM_WRITE : 0) | (ppr.X ? IOMMU_FAULT_PERM_EXEC : 0) | (ppr.Priv ? IOMMU_FAULT_PERM_PRIV : 0),
  };
  if (!last && c.switches.has("RR-74")) return void (await report(c, master, fault)); // nobody tells the guest when its last one is refused
  if (!last) return c.partial.add(sid, fault);
  for (const earlier of c.partial.take(sid, fault)) await report(c, master, earlier);
  const ret = await report(c, master, fault);
  if (ret >= 0) return;
  const answered = !c.switches.has("RR-87");
  c.tracer.emit("host.fault-refused", ids, { ret, answered });
  if (!answered) return; // IC-1014; RR-87: the null event stops the helper before its command
  const resp = priResp(sid, needsPasid ? pasid : null, grpid, PRI_RESP.ResponseFailure);
  await c.commandQueue.issue([resp]);
  c.tracer.emit("host.pri-response", ids, { resp: PRI_RESP.ResponseFailure });
}
