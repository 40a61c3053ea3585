import {
  E2BIG,
  EBUSY,
  EEXIST,
  EFAULT,
  EINVAL,
  ENODEV,
  ENOENT,
  ENOMEM,
  ENOSPC,
  ENOSYS,
  ENOTTY,
  EOPNOTSUPP,
  EOVERFLOW,
  ERANGE,
} from "@faultline/shared/linux-uapi/errno.ts";
import {
  VIRTIO_IOMMU_S_DEVERR,
  VIRTIO_IOMMU_S_FAULT,
  VIRTIO_IOMMU_S_INVAL,
  VIRTIO_IOMMU_S_NOENT,
  VIRTIO_IOMMU_S_NOMEM,
  VIRTIO_IOMMU_S_OK,
  VIRTIO_IOMMU_S_RANGE,
  VIRTIO_IOMMU_S_UNSUPP,
} from "@faultline/shared/virtio/virtio-iommu.ts";

/** Host errno to virtio status: the one table of flow.md. */
export function statusOf(ret: number): number {
  switch (-ret) {
    case 0:
      return VIRTIO_IOMMU_S_OK;
    case EINVAL:
    case EBUSY:
    case EEXIST:
      return VIRTIO_IOMMU_S_INVAL;
    case ENOENT:
      return VIRTIO_IOMMU_S_NOENT;
    case ERANGE:
    case E2BIG:
    case EOVERFLOW:
      return VIRTIO_IOMMU_S_RANGE;
    case EFAULT:
      return VIRTIO_IOMMU_S_FAULT;
    case ENOMEM:
    case ENOSPC:
      return VIRTIO_IOMMU_S_NOMEM;
    case ENODEV:
    case ENOTTY:
    case EOPNOTSUPP:
    case ENOSYS:
      return VIRTIO_IOMMU_S_UNSUPP;
    default:
      return ret >= 0 ? VIRTIO_IOMMU_S_OK : VIRTIO_IOMMU_S_DEVERR;
  }
}
