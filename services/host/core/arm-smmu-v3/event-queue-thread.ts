import { EVENT, EVENT_ID } from "@faultline/shared/arm-smmu-v3/event-record.ts";
import { hex } from "@faultline/shared/codec/uint64.ts";
import type { Execution } from "@faultline/shared/execution/execution.ts";
import type { RateLimit } from "@faultline/shared/linux/ratelimit.ts";
import { type IommuFault, iommu_report_device_fault } from "@faultline/shared/linux/report-device-fault.ts";
import { EFAULT, EINVAL, EOPNOTSUPP } from "@faultline/shared/linux-uapi/errno.ts";
import {
  IOMMU_FAULT_DMA_UNRECOV,
  IOMMU_FAULT_PAGE_REQ,
  IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE,
  IOMMU_FAULT_PAGE_REQUEST_PASID_VALID,
  IOMMU_FAULT_PERM_EXEC,
  IOMMU_FAULT_PERM_PRIV,
  IOMMU_FAULT_PERM_READ,
  IOMMU_FAULT_PERM_WRITE,
  IOMMU_FAULT_REASON,
  IOMMU_FAULT_UNRECOV_ADDR_VALID,
  IOMMU_FAULT_UNRECOV_PASID_VALID,
} from "@faultline/shared/linux-uapi/iommu.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";
import { resume } from "./command-encoding.ts";
import type { CommandQueue } from "./command-queue.ts";
import type { Master } from "./master.ts";
import type { OutputQueue } from "./output-queue.ts";

export interface EventThreadContext {
  queue: OutputQueue;
  commandQueue: CommandQueue;
  execution: Execution;
  tracer: Tracer;
  switches: ReadonlySet<string>;
  /** Of the lines that dump an event record. */
  dumps: Pick<RateLimit, "allows">;
  master(sid: number): Master | null;
}

/** IC-901 and IC-905: faults of a translation, with their uapi reason. */
const translation: Record<number, number> = {
  [EVENT_ID.F_TRANSLATION]: IOMMU_FAULT_REASON.PTE_FETCH,
  [EVENT_ID.F_ADDR_SIZE]: IOMMU_FAULT_REASON.OOR_ADDRESS,
  [EVENT_ID.F_ACCESS]: IOMMU_FAULT_REASON.ACCESS,
  [EVENT_ID.F_PERMISSION]: IOMMU_FAULT_REASON.PERMISSION,
};
/** IC-912: faults of the guest's own table. `addr`: the record has the input address. The fetch address is a PA of the host and none of the guest's business. */
const configuration: Record<number, { reason: number; addr: boolean }> = {
  [EVENT_ID.C_BAD_SUBSTREAMID]: { reason: IOMMU_FAULT_REASON.PASID_INVALID, addr: false },
  [EVENT_ID.F_CD_FETCH]: { reason: IOMMU_FAULT_REASON.PASID_FETCH, addr: false },
  [EVENT_ID.C_BAD_CD]: { reason: IOMMU_FAULT_REASON.BAD_PASID_ENTRY, addr: false },
  [EVENT_ID.F_WALK_EABT]: { reason: IOMMU_FAULT_REASON.WALK_EABT, addr: true },
};
const nameOf = (id: number): string => Object.entries(EVENT_ID).find(([, value]) => value === id)?.[0] ?? hex(id);

/** arm_smmu_evtq_thread: drains the queue, reports stage-1 faults, stalls and what is wrong with a guest's CD table, logs the rest. iommu-core.md, section 9. */
export async function eventQueueThread(c: EventThreadContext): Promise<void> {
  const { queue } = c;
  do {
    let taken = false;
    for (let record = queue.take(); record; record = queue.take()) {
      taken = true;
      await handleEvent(c, record);
    }
    if (taken) await queue.release(false);
    await queue.readProd();
  } while (!queue.empty);
  if (!queue.overflow) return;
  c.tracer.emit("host.queue-overflow", {}, { queue: "EVENTQ" });
  await queue.release(true); // IC-910
}

async function handleEvent(c: EventThreadContext, record: Uint8Array): Promise<void> {
  const event = EVENT.decode(record);
  const id = Number(event.ID);
  const sid = Number(event.StreamID);
  await c.execution.point("host.event-thread.before-report", { sid, id });
  const stall = event.Stall === 1n && id in translation;
  const ret = await report(c, id, event);
  const ids = { sid: hex(sid), ssid: event.SSV ? Number(event.SubstreamID) : undefined, iova: hex(event.InputAddr) };
  c.tracer.emit("host.event-record", ids, { event: nameOf(id), stall, s2: event.S2 === 1n, reported: ret === 0, ret, logged: ret < 0 && c.dumps.allows() });
  if (ret < 0 && stall && event.S2 === 0n) await c.commandQueue.issue([resume(sid, Number(event.STAG), false)]); // IC-907
}

/**
 * Stage-1 faults of the four translation ids leave the host's log (IC-901, IC-1209), and those of the guest's CD table; RR-50: these do not. So a guest hears nothing of the DMA of an endpoint that is not attached (its STE aborts, Config = 000,
 * which records no event at all; IHI 0070 G.b, 5.2) nor of one in a MAP/UNMAP domain outside its mappings (stage 2, S2 = 1, with an IPA that the posted series does not forward, IC-1211):
 * virtio-iommu lets a device report them and does not ask for it (VI-D-16).
 */
async function report(c: EventThreadContext, id: number, event: ReturnType<typeof EVENT.decode>): Promise<number> {
  const ofTable = c.switches.has("RR-50") ? undefined : configuration[id]; // RR-50: the filter before them is as it was
  if (!(id in translation) && !ofTable) return -EOPNOTSUPP;
  if (event.S2) return -EFAULT; // IC-902: guest memory is pinned
  const master = c.master(Number(event.StreamID));
  if (!master) return -EINVAL;
  const perm = (event.RnW ? IOMMU_FAULT_PERM_READ : IOMMU_FAULT_PERM_WRITE) | (event.InD ? IOMMU_FAULT_PERM_EXEC : 0) | (event.PnU ? IOMMU_FAULT_PERM_PRIV : 0);
  const pasid = event.SSV ? Number(event.SubstreamID) : 0;
  const fault: IommuFault =
    event.Stall && !ofTable
      ? {
          type: IOMMU_FAULT_PAGE_REQ,
          flags: IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE | (event.SSV ? IOMMU_FAULT_PAGE_REQUEST_PASID_VALID : 0),
          pasid,
          grpid: Number(event.STAG),
          perm,
          addr: event.InputAddr,
        }
      : {
          type: IOMMU_FAULT_DMA_UNRECOV,
          reason: ofTable?.reason ?? translation[id],
          flags: (ofTable?.addr === false ? 0 : IOMMU_FAULT_UNRECOV_ADDR_VALID) | (event.SSV ? IOMMU_FAULT_UNRECOV_PASID_VALID : 0),
          pasid,
          perm,
          addr: ofTable?.addr === false ? 0n : event.InputAddr,
          fetch_addr: 0n,
        };
  return iommu_report_device_fault(master.iommu, fault);
}
