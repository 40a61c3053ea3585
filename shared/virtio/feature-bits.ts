/* Feature bit numbers. virtio-iommu.md, section 2; bit 6 means two things: never in one device. */

export const VIRTIO_F_VERSION_1 = 32;
export const VIRTIO_IOMMU_F_INPUT_RANGE = 0,
  VIRTIO_IOMMU_F_DOMAIN_RANGE = 1,
  VIRTIO_IOMMU_F_MAP_UNMAP = 2,
  VIRTIO_IOMMU_F_BYPASS = 3,
  VIRTIO_IOMMU_F_PROBE = 4,
  VIRTIO_IOMMU_F_MMIO = 5;
/** `review`: bit 7 is reserved and never offered. */
export const VIRTIO_IOMMU_F_BYPASS_CONFIG = 6,
  VIRTIO_IOMMU_F_ATTACH_TABLE = 8,
  VIRTIO_IOMMU_F_PAGE_REQUEST = 9;
/** `rfc-v1`: NESTED 11 took bit 6, VSVA 05 bit 7. */
export const RFC_V1_VIRTIO_IOMMU_F_ATTACH_TABLE = 6,
  RFC_V1_VIRTIO_IOMMU_F_SVA = 7;

/** The 64-bit feature word with these bits set. */
export const featureWord = (bits: readonly number[]): bigint => bits.reduce((word, bit) => word | (1n << BigInt(bit)), 0n);
export const hasFeature = (word: bigint, bit: number): boolean => ((word >> BigInt(bit)) & 1n) === 1n;
