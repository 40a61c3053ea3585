import { PROBE_SIZE, virtio_iommu_config } from "@faultline/shared/virtio/virtio-iommu.ts";
import type { VirtioIommuOptions } from "./options.ts";

const BYPASS_OFFSET = 36;
const MAX_ACCESS = 4096;

/** The configuration space (virtio-iommu.md, section 3). `bypass` null: not in this ABI, reads 0. Beyond the 40 bytes all is zero. */
export function readConfig(offset: number, length: number, options: VirtioIommuOptions, bypass: boolean | null): Uint8Array {
  const config = virtio_iommu_config.encode({
    page_size_mask: options.pageSizeMask,
    input_range_start: options.inputRange.start,
    input_range_end: options.inputRange.end,
    domain_range_start: options.domainRange.start,
    domain_range_end: options.domainRange.end,
    probe_size: PROBE_SIZE,
    bypass: bypass ? 1 : 0,
  });
  const bytes = new Uint8Array(Math.min(length, MAX_ACCESS));
  bytes.set(config.subarray(Math.min(offset, config.length), Math.min(offset + bytes.length, config.length)));
  return bytes;
}

/** The value a write gives to `bypass`; null: the write does not reach it or is neither 0 nor 1, and is ignored. Every other byte is read-only. */
export function bypassWritten(offset: number, data: Uint8Array): boolean | null {
  const value = data[BYPASS_OFFSET - offset];
  return value === 0 || value === 1 ? value === 1 : null;
}
