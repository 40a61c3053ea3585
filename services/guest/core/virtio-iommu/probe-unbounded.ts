import { EINVAL } from "@faultline/shared/linux-uapi/errno.ts";
import { VIRTIO_IOMMU_PROBE_T_NONE, virtio_iommu_probe_property } from "@faultline/shared/virtio/virtio-iommu.ts";
import type { VirtioIommuAbi } from "./abi.ts";
import { type EndpointProperties, noProperties, takeProperty } from "./probe.ts";

/** What lies behind the list in the kernel's heap: the poison of its free objects. */
const BEHIND = 0x6b;

/**
 * RR-48: the property list as the posted driver reads it. A property reaches as far as its length says, also behind the list; the error of one is overwritten by what the next one gives; and the
 * step to the next is kept in 16 bits. -EINVAL: the last one is shorter than its structure; "endless": a length of 0xfffc, from which the loop never gets on.
 */
export function parseUnbounded(list: Uint8Array, abi: Pick<VirtioIommuAbi, "takeProperty">): EndpointProperties | number | "endless" {
  const out = noProperties();
  let ret = 0;
  for (let at = 0; at + 4 <= list.length; ) {
    const header = virtio_iommu_probe_property.decode(list.subarray(at, at + 4));
    const type = Number(header.type);
    const size = 4 + Number(header.length);
    if (type === VIRTIO_IOMMU_PROBE_T_NONE) break;
    const bytes = new Uint8Array(size).fill(BEHIND);
    bytes.set(list.subarray(at, at + size));
    if (type <= 0xfff) ret = takeProperty(out, type, bytes, abi) ? 0 : -EINVAL;
    if (size % 2 ** 16 === 0) return "endless";
    at += size;
  }
  return ret < 0 ? ret : out;
}
