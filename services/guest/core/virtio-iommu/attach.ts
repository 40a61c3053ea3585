import { hex } from "@faultline/shared/codec/uint64.ts";
import { IoPgtable } from "@faultline/shared/linux/io-pgtable-arm.ts";
import { PasidTable, S1FMT } from "@faultline/shared/linux/pasid-table.ts";
import { ENODEV, ENOMEM, ENOSPC, ENOSYS } from "@faultline/shared/linux-uapi/errno.ts";
import { addressMap } from "@faultline/shared/machine/address-map.ts";
import {
  VIRTIO_IOMMU_FORMAT_PSTF_ARM_SMMU_V3,
  VIRTIO_IOMMU_PSTF_ARM_SMMU_V3_DSS_0,
  VIRTIO_IOMMU_T_ATTACH_TABLE,
  virtio_iommu_req_attach_pst_arm,
} from "@faultline/shared/virtio/virtio-iommu.ts";
import { oops } from "../oops.ts";
import type { Endpoint } from "./endpoint.ts";
import { viommu_sync_pasid } from "./pasid-table-sync.ts";
import type { Viommu } from "./viommu.ts";

/** IOVA of the MSI doorbell page in every DMA-API address space. */
export const MSI_DOORBELL_IOVA = 0x0808_0000;

/** An address space of devices in table mode: the PASID table, whose entry 0 is the DMA API's page table. */
export interface Domain {
  readonly id: number;
  readonly pasidTable: PasidTable;
  readonly dmaTable: IoPgtable;
  readonly asid: number;
  /** ATTACH_TABLE succeeded: the device knows the domain. */
  attached: boolean;
}

/** The mm's and the DMA API's tables use as many input bits as the endpoint has, at most 48. */
export const inputBitsOf = (endpoint: Endpoint): number => Math.min(48, endpoint.properties.inputEnd.toString(2).length);

/**
 * Builds a PASID table with the doorbell mapped in PASID 0 and attaches the endpoint to it. -ENODEV: the endpoint has no PASID table format or no output size;
 * -ENOMEM; -ENOSPC: no ASID; or the device's status. After an error everything is freed again and the endpoint has no domain.
 */
export async function viommu_attach_dev(viommu: Viommu, endpoint: Endpoint): Promise<number> {
  const { properties } = endpoint;
  if (properties.pasidTable && properties.asidBits === null && viommu.switches.has("RR-91"))
    return oops(viommu.tracer, "RR-91", { endpoint: endpoint.name }, "the page table format, which PROBE did not give");
  if (!properties.pasidTable || properties.asidBits === null || properties.outputBits === 0 || properties.pasidBits === 0) return -ENODEV;
  if (viommu.switches.has("RR-32")) return -ENOSYS; // what the stack left in the pointer reads as a table that is there
  const asid = viommu.asids.alloc();
  if (asid === null) return -ENOSPC;
  const domainId = viommu.domainIds.next();
  let domain: Domain | null = null;
  const pasidTable = PasidTable.alloc({
    memory: viommu.memory,
    s1cdmax: properties.pasidBits,
    twoLevel: properties.pasidTable.twoLevel,
    alloc: (bytes) => viommu.frames.allocContiguous(bytes),
    free: (gpa, bytes) => viommu.frames.free(gpa, bytes),
    sync: (ssid, leaf) => (domain ? viommu_sync_pasid(viommu, domain, ssid, leaf) : Promise.resolve(0)),
  });
  const inputBits = inputBitsOf(endpoint);
  const dmaTable =
    pasidTable &&
    IoPgtable.alloc({
      memory: viommu.memory,
      allocFrame: () => viommu.frames.alloc(),
      freeFrame: (gpa) => viommu.frames.free(gpa),
      format: "stage1",
      inputBits,
      outputBits: properties.outputBits,
    });
  if (!pasidTable || !dmaTable) {
    pasidTable?.free();
    viommu.asids.free(asid);
    return -ENOMEM;
  }
  domain = { id: domainId, pasidTable, dmaTable, asid, attached: false };
  const ret = await installTables(viommu, endpoint, domain, inputBits);
  if (ret < 0) {
    dmaTable.free();
    pasidTable.free();
    viommu.asids.free(asid);
    return ret;
  }
  endpoint.domain = domain;
  return 0;
}

async function installTables(viommu: Viommu, endpoint: Endpoint, domain: Domain, inputBits: number): Promise<number> {
  const doorbell = addressMap.guestDoorbell;
  const mapped = domain.dmaTable.map(MSI_DOORBELL_IOVA, doorbell.base, doorbell.size, { read: true, write: true, exec: false, device: true });
  if (mapped < 0) return mapped;
  const cd = { asid: domain.asid, root: domain.dmaTable.root, inputBits, outputBits: endpoint.properties.outputBits, shared: false };
  const written = await domain.pasidTable.write(0, cd);
  if (written < 0) return written;
  viommu.tracer.emit("guest.cd-written", { endpoint: endpoint.name, pasid: 0, asid: domain.asid, domain: domain.id }, { ttb0: hex(cd.root), valid: true });
  const unset = viommu.switches.has("RR-37") && domain.pasidTable.s1fmt === S1FMT.LINEAR;
  const ret = await viommu.requests.send(
    virtio_iommu_req_attach_pst_arm.encode({
      type: VIRTIO_IOMMU_T_ATTACH_TABLE,
      domain: domain.id,
      endpoint: endpoint.id,
      format: VIRTIO_IOMMU_FORMAT_PSTF_ARM_SMMU_V3,
      s1fmt: domain.pasidTable.s1fmt,
      s1dss: VIRTIO_IOMMU_PSTF_ARM_SMMU_V3_DSS_0,
      s1contextptr: unset ? 0 : domain.pasidTable.base,
      s1cdmax: domain.pasidTable.s1cdmax,
    }),
  );
  domain.attached = ret === 0;
  viommu.tracer.emit(
    "guest.attach-table",
    { endpoint: endpoint.name, domain: domain.id, gpa: hex(domain.pasidTable.base) },
    { s1fmt: domain.pasidTable.s1fmt, s1cdmax: domain.pasidTable.s1cdmax, ret },
  );
  return ret;
}
