import { ENODEV, errnoName } from "@faultline/shared/linux-uapi/errno.ts";
import type { AcceleratorDriver, FunctionSettings } from "../device-driver/accelerator.ts";
import type { JobContext } from "../device-driver/job.ts";
import { Mm, type MmPorts } from "../mm/mm.ts";
import { mmput, munmap } from "../mm/munmap.ts";
import { iommu_sva_bind_device } from "../sva/bind.ts";
import type { Bond } from "../sva/bond.ts";
import { iommu_sva_unbind_device } from "../sva/unbind.ts";
import type { Viommu } from "../virtio-iommu/viommu.ts";

const RING_LOG2 = 8,
  DESCRIPTOR_BYTES = 64;

/** A user process: an address space bound to the device, and one of the device's queues. `completion`: where its records go. */
export interface UserProcess extends JobContext {
  readonly bond: Bond;
  readonly ring: number;
  readonly completion: number;
}

export interface ProcessPorts {
  viommu: Viommu;
  mm: MmPorts;
}

/** Binds a new address space and opens a queue for it (flow.md, S5). A sentence, with nothing left behind: out of memory, the bind's -errno, the function was removed, or no queue is free. */
export async function startProcess(
  { viommu, mm: ports }: ProcessPorts,
  driver: AcceleratorDriver,
  name: string,
  settings: FunctionSettings,
): Promise<UserProcess | string> {
  const mm = Mm.create(name, ports);
  if (!mm) return "the guest is out of memory for a page table";
  const bond = await iommu_sva_bind_device(viommu, driver.endpoint, mm);
  if (typeof bond === "number") {
    await mmput(mm);
    return `bind of endpoint ${driver.endpoint.name}: ${errnoName(bond)}`;
  }
  const ring = mm.mmap(DESCRIPTOR_BYTES * 2 ** RING_LOG2, { read: true, write: true }, "ring");
  const completion = mm.mmap(4096, { read: true, write: true }, "completion");
  const queue = await driver.openQueue(bond.pasid, ring, RING_LOG2, settings);
  const user = { viommu, driver, mm, bond, ring, completion };
  if (typeof queue !== "number") return { ...user, queue };
  await iommu_sva_unbind_device(viommu, bond);
  await mmput(mm);
  return queue === -ENODEV ? `endpoint ${driver.endpoint.name} was removed` : `no queue of endpoint ${driver.endpoint.name} is free`;
}

/** The device's use of the PASID stops, then the PASID is unbound (flow.md, T1). The address space lives on. */
export async function unbindProcess({ viommu, driver, queue, bond }: UserProcess): Promise<void> {
  await driver.closeQueue(queue);
  await iommu_sva_unbind_device(viommu, bond);
}

/** The orderly end: what the process mapped is unmapped, then unbind, then exit. `well`: its jobs did what they should. */
export async function endProcess(user: UserProcess, well: boolean): Promise<void> {
  const { driver, queue, viommu, mm, bond, ring, completion } = user;
  if (!well && viommu.switches.has("M-unbind-after-error")) return;
  await driver.closeQueue(queue);
  await munmap(mm, ring);
  await munmap(mm, completion);
  await iommu_sva_unbind_device(viommu, bond);
  await mmput(mm);
}

/** Exit without unbind (flow.md, T2): the address space dies first, then the file of the device is closed, whose release stops the PASID and unbinds it. */
export async function exitProcess(user: UserProcess): Promise<void> {
  await mmput(user.mm);
  await unbindProcess(user);
}
