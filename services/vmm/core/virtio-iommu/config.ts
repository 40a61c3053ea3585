import { PROBE_SIZE, virtio_iommu_config } from "@faultline/shared/virtio/virtio-iommu.ts";

/** Every address and domain id that fits; ends are inclusive. Stage 1 with 4 KiB pages has 48 input bits. */
export const INPUT_END = (1n << 48n) - 1n;
const DOMAIN_END = 0xffff_ffff;
const BYPASS_OFFSET = 36;
const MAX_ACCESS = 4096;

/** The configuration space (virtio-iommu.md, section 3). `bypass` null: not in this ABI, reads 0. Beyond the 40 bytes all is zero. */
export function readConfig(offset: number, length: number, pageSizeMask: bigint, bypass: boolean | null): Uint8Array {
  const config = virtio_iommu_config.encode({
    page_size_mask: pageSizeMask,
    input_range_end: INPUT_END,
    domain_range_end: DOMAIN_END,
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
