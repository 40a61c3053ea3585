import { EFAULT, EINVAL, ENOENT } from "@faultline/shared/linux-uapi/errno.ts";
import {
  IOMMU_CACHE_INV_TYPE_DEV_IOTLB,
  IOMMU_CACHE_INV_TYPE_IOTLB,
  IOMMU_CACHE_INV_TYPE_PASID,
  IOMMU_CACHE_INVALIDATE_INFO_VERSION_1,
  IOMMU_INV_ADDR_FLAGS_ARCHID,
  IOMMU_INV_ADDR_FLAGS_LEAF,
  IOMMU_INV_ADDR_FLAGS_PASID,
  IOMMU_INV_GRANU_ADDR,
  IOMMU_INV_GRANU_DOMAIN,
  IOMMU_INV_GRANU_PASID,
  IOMMU_INV_PASID_FLAGS_ARCHID,
  IOMMU_INV_PASID_FLAGS_PASID,
  iommu_cache_invalidate_info,
  iommu_inv_addr_info,
  iommu_inv_pasid_info,
} from "@faultline/shared/linux-uapi/iommu.ts";
import { vfio_iommu_type1_cache_invalidate } from "@faultline/shared/linux-uapi/vfio.ts";
import type { ArmSmmu } from "../arm-smmu-v3/arm-smmu-v3.ts";
import { type Command, cfgiCd, cfgiCdAll, tlbiNhAll, tlbiNhAsid, tlbiNhVa, tlbiNsnhAll } from "../arm-smmu-v3/command-encoding.ts";
import { splitPages, splitRange } from "../arm-smmu-v3/tlb-range.ts";
import type { Domain } from "../iommu/domain.ts";
import { vfioArgument } from "./argument.ts";

const PAGE = 4096;
/** CMDQ_MAX_TLBI_OPS: longer ranges cost one command for all of their ASID (S08: one for each page). */
const MAX_TLBI_OPS = 512;
/** pgsize_bitmap of every domain. */
const PAGE_SIZES = [PAGE, 2 ** 21, 2 ** 30];
const INFO = iommu_cache_invalidate_info.sizeBytes;

/** The checked contents of struct iommu_cache_invalidate_info. */
interface Invalidation {
  cache: number;
  granularity: number;
  flags: number;
  archid: number;
  pasid: number;
  addr: number;
  granuleSize: number;
  nbGranules: number;
}

/** VFIO_IOMMU_CACHE_INVALIDATE: 0 after the hardware has completed it, or -errno (vfio-uapi.md 4.2). */
export async function cacheInvalidate(smmu: ArmSmmu, domain: Domain, arg: Uint8Array): Promise<number> {
  const header = vfioArgument(vfio_iommu_type1_cache_invalidate, arg);
  if (typeof header === "number") return header;
  if (header.flags !== 0n) return -EINVAL;
  const info = parse(arg.slice(8));
  if (typeof info === "number") return info;
  return invalidate(smmu, domain, info);
}

/** The checks of the IOMMU core. */
function parse(bytes: Uint8Array): Invalidation | number {
  if (bytes.length < INFO) return -EFAULT;
  const head = iommu_cache_invalidate_info.decode(bytes.slice(0, INFO));
  const cache = Number(head.cache);
  const granularity = Number(head.granularity);
  const info: Invalidation = { cache, granularity, flags: 0, archid: 0, pasid: 0, addr: 0, granuleSize: 0, nbGranules: 0 };
  const needed = granularity === IOMMU_INV_GRANU_ADDR ? 56 : granularity === IOMMU_INV_GRANU_PASID ? 32 : INFO;
  if (Number(head.argsz) < needed || Number(head.version) !== IOMMU_CACHE_INVALIDATE_INFO_VERSION_1) return -EINVAL;
  if (cache & ~7 || granularity > IOMMU_INV_GRANU_ADDR || head.padding !== 0n) return -EINVAL;
  if (granularity === IOMMU_INV_GRANU_ADDR && cache & IOMMU_CACHE_INV_TYPE_PASID) return -EINVAL;
  if (granularity === IOMMU_INV_GRANU_DOMAIN && cache & IOMMU_CACHE_INV_TYPE_DEV_IOTLB) return -EINVAL;
  if (bytes.length < needed) return -EFAULT;
  if (granularity === IOMMU_INV_GRANU_PASID) {
    const granu = iommu_inv_pasid_info.decode(bytes.slice(16, 32));
    if (granu.flags & ~BigInt(IOMMU_INV_PASID_FLAGS_PASID | IOMMU_INV_PASID_FLAGS_ARCHID)) return -EINVAL;
    return { ...info, flags: Number(granu.flags), archid: Number(granu.archid), pasid: Number(granu.pasid) };
  }
  if (granularity === IOMMU_INV_GRANU_ADDR) {
    const granu = iommu_inv_addr_info.decode(bytes.slice(16, 56));
    if (granu.flags & ~BigInt(IOMMU_INV_ADDR_FLAGS_PASID | IOMMU_INV_ADDR_FLAGS_ARCHID | IOMMU_INV_ADDR_FLAGS_LEAF)) return -EINVAL;
    return {
      ...info,
      flags: Number(granu.flags),
      archid: Number(granu.archid),
      pasid: Number(granu.pasid),
      addr: Number(granu.addr),
      granuleSize: Number(granu.granule_size),
      nbGranules: Number(granu.nb_granules),
    };
  }
  return info;
}

/** arm_smmu_cache_invalidate, with the PASID cache type (RR-52 fixed), VMID-wide domain flushes (RR-54) and 4 KiB arithmetic (RR-55). */
async function invalidate(smmu: ArmSmmu, domain: Domain, info: Invalidation): Promise<number> {
  const { switches } = smmu.ports;
  if (!domain.nesting) return -EINVAL;
  if (info.cache & IOMMU_CACHE_INV_TYPE_DEV_IOTLB) return -ENOENT;
  if (switches.has("RR-52")) {
    if (info.cache & IOMMU_CACHE_INV_TYPE_PASID) return -ENOENT;
    if (info.granularity !== IOMMU_INV_GRANU_DOMAIN && info.flags & IOMMU_INV_PASID_FLAGS_PASID) return -ENOENT; // bit 0 in both granularities
  }
  if ((info.cache & (IOMMU_CACHE_INV_TYPE_IOTLB | IOMMU_CACHE_INV_TYPE_PASID)) === 0) return -EINVAL;
  if (info.cache & IOMMU_CACHE_INV_TYPE_PASID) {
    const ret = await invalidatePasid(smmu, domain, info);
    if (ret < 0) return ret;
  }
  return info.cache & IOMMU_CACHE_INV_TYPE_IOTLB ? invalidateIotlb(smmu, domain, info) : 0;
}

async function invalidatePasid(smmu: ArmSmmu, domain: Domain, info: Invalidation): Promise<number> {
  const sids = [...domain.devices].map(({ master }) => master.sid);
  if (info.granularity === IOMMU_INV_GRANU_DOMAIN) return smmu.commandQueue.issueWithSync(sids.map((sid) => cfgiCdAll(sid)));
  if ((info.flags & IOMMU_INV_PASID_FLAGS_PASID) === 0 || info.pasid >= 2 ** 20) return -EINVAL;
  // Leaf = 0: the uapi cannot say whether a level-1 descriptor changed, and a cached invalid one would survive a leaf invalidation.
  const { switches } = smmu.ports;
  const commands = switches.has("S02") ? [] : sids.map((sid) => cfgiCd(sid, info.pasid, switches.has("RR-93")));
  const ret = await smmu.commandQueue.issueWithSync(commands);
  if (ret < 0 || switches.has("M-drain-priq")) return ret;
  // IC-1105, IC-1102: the PASID may be about to change hands. What its functions asked for before is in the fault ring when the call returns.
  await smmu.flushPriQueue();
  for (const sid of sids) smmu.partialGroups.discard(sid, info.pasid);
  return 0;
}

async function invalidateIotlb(smmu: ArmSmmu, domain: Domain, info: Invalidation): Promise<number> {
  const queue = smmu.commandQueue;
  const hasArchid = (info.flags & IOMMU_INV_PASID_FLAGS_ARCHID) !== 0; // bit 1 in both granularities
  if (hasArchid && info.archid >= 2 ** smmu.features.asidBits) return -EINVAL;
  if (info.granularity === IOMMU_INV_GRANU_PASID) {
    if (!hasArchid) return -EINVAL;
    const ret = await queue.issueWithSync([tlbiNhAsid(domain.vmid, info.archid)]);
    return ret < 0 ? ret : domain.atcInvalidate(0, 0);
  }
  if (info.granularity === IOMMU_INV_GRANU_ADDR && hasArchid) {
    const { granuleSize, nbGranules } = info;
    if (granuleSize <= 0 || 2 ** Math.round(Math.log2(granuleSize)) !== granuleSize) return -EINVAL;
    const first = info.addr - (info.addr % PAGE);
    const end = Math.ceil((info.addr + granuleSize * nbGranules) / PAGE) * PAGE;
    if (end > 2 ** 52) return -EINVAL;
    if (end <= first) return 0;
    const leaf = (info.flags & IOMMU_INV_ADDR_FLAGS_LEAF) !== 0;
    const { switches } = smmu.ports;
    const asid = switches.has("S03") ? 0 : info.archid; // S03: the device's tag, not the process'
    const size = switches.has("S07") ? PAGE : switches.has("RR-55") ? postedSize(smmu, granuleSize, end - first) : end - first; // S07: the page-size bits name one page
    const ret = await queue.issueWithSync(addressCommands(smmu, domain, asid, first, size, Math.max(granuleSize, PAGE), leaf));
    return ret < 0 ? ret : domain.atcInvalidate(first, switches.has("S04") ? PAGE : end - first);
  }
  if (smmu.ports.switches.has("RR-54")) return queue.issueWithSync([tlbiNsnhAll()]);
  const ret = await queue.issueWithSync([tlbiNhAll(domain.vmid)]);
  return ret < 0 ? ret : domain.atcInvalidate(0, 0);
}

/** RR-55: without range commands a granule that the domain has no page of becomes the smallest page, and the bytes a number of pages. */
const postedSize = (smmu: ArmSmmu, granule: number, bytes: number): number =>
  smmu.features.rangeInvalidation || PAGE_SIZES.includes(granule) ? bytes : Math.ceil(bytes / PAGE);

function addressCommands(smmu: ArmSmmu, domain: Domain, asid: number, first: number, size: number, granule: number, leaf: boolean): Command[] {
  // A granule of several pages of a table with smaller leaves must not carry a block's TTL.
  const leafSize = leaf && (granule === 2 ** 21 || granule === 2 ** 30) ? granule : PAGE;
  if (!smmu.features.rangeInvalidation && size / PAGE > MAX_TLBI_OPS && !smmu.ports.switches.has("S08")) return [tlbiNhAsid(domain.vmid, asid)];
  const parts = smmu.features.rangeInvalidation ? splitRange(first, size, leafSize, leaf) : splitPages(first, size, PAGE);
  return parts.map(({ address, range }) => tlbiNhVa(domain.vmid, asid, address, leaf, range));
}
