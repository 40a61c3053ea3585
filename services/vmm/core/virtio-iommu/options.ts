import { addressMap } from "@faultline/shared/machine/address-map.ts";
import type { Granule, Machine } from "@faultline/shared/machine/machine.ts";
import { VIRTIO_IOMMU_RESV_MEM_T_MSI } from "@faultline/shared/virtio/virtio-iommu.ts";

/** `end` is inclusive. */
export interface ReservedRegion {
  subtype: number;
  start: bigint;
  end: bigint;
}

/** What a virtio-iommu device is built with. Ends are inclusive. */
export interface VirtioIommuOptions {
  pageSizeMask: bigint;
  inputRange: { start: bigint; end: bigint };
  domainRange: { start: number; end: number };
  /** Of every endpoint, ascending by start, without overlap (VI-D-57, VI-D-58). */
  reservedRegions: readonly ReservedRegion[];
  /** Config `bypass` at system reset (VI-D-06, VI-D-08). */
  bypass: boolean;
}

/** The same with 64-bit numbers as hexadecimal strings: the `virtioIommu` key of a machine JSON, instead of what the machine file leads to. */
export interface VirtioIommuJson {
  pageSizeMask: string;
  inputRange: { start: string; end: string };
  domainRange: { start: number; end: number };
  reservedRegions: readonly { subtype: number; start: string; end: string }[];
  bypass: boolean;
}

/** Page and block sizes of stage 1 by granule (Arm DDI 0487, D8.2): 4 KiB, 2 MiB, 1 GiB; 16 KiB, 32 MiB; 64 KiB, 512 MiB. */
const PAGE_SIZE_MASK: Record<Granule, bigint> = { "4K": 0x40201000n, "16K": 0x2004000n, "64K": 0x20010000n };

/** Every address that a stage 1 of 48 input bits has, and every domain id that fits. */
const INPUT_RANGE = { start: 0n, end: (1n << 48n) - 1n };
const DOMAIN_RANGE = { start: 0, end: 0xffff_ffff };

/** The doorbell that a guest writes its MSIs to: the function's own go through the host's window, whatever is mapped here. */
const DOORBELL: ReservedRegion = {
  subtype: VIRTIO_IOMMU_RESV_MEM_T_MSI,
  start: BigInt(addressMap.guestDoorbell.base),
  end: BigInt(addressMap.guestDoorbell.base + addressMap.guestDoorbell.size - 1),
};

/** The device of VM number `vm`. `rfc-v1` has no `bypass`: an unattached endpoint is refused. */
export function virtioIommuOf(machine: Machine & { virtioIommu?: VirtioIommuJson }, vm: number): VirtioIommuOptions {
  if (machine.virtioIommu) return optionsOf(machine.virtioIommu);
  return {
    pageSizeMask: PAGE_SIZE_MASK[machine.vms[vm].granule],
    inputRange: INPUT_RANGE,
    domainRange: DOMAIN_RANGE,
    reservedRegions: [DOORBELL],
    bypass: machine.abi === "review",
  };
}

const optionsOf = ({ pageSizeMask, inputRange, domainRange, reservedRegions, bypass }: VirtioIommuJson): VirtioIommuOptions => ({
  pageSizeMask: BigInt(pageSizeMask),
  inputRange: { start: BigInt(inputRange.start), end: BigInt(inputRange.end) },
  domainRange,
  reservedRegions: reservedRegions.map(({ subtype, start, end }) => ({ subtype, start: BigInt(start), end: BigInt(end) })),
  bypass,
});

/** Where nothing can be mapped, as PROBE reports it. Tables that the guest owns have no MSI window: it maps the doorbell itself (flow.md, "MSI in table mode"; VI-G-36). */
export const reportedRegions = (regions: readonly ReservedRegion[], attachTable: boolean): readonly ReservedRegion[] =>
  attachTable ? regions.filter(({ subtype }) => subtype !== VIRTIO_IOMMU_RESV_MEM_T_MSI) : regions;

export const inDomainRange = ({ start, end }: VirtioIommuOptions["domainRange"], domain: bigint): boolean => domain >= start && domain <= end;
