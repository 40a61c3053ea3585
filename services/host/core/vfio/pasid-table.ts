import { EFAULT, EINVAL } from "@faultline/shared/linux-uapi/errno.ts";
import {
  IOMMU_PASID_CONFIG_ABORT,
  IOMMU_PASID_CONFIG_BYPASS,
  IOMMU_PASID_CONFIG_TRANSLATE,
  IOMMU_PASID_FORMAT_SMMUV3,
  iommu_pasid_table_config,
  PASID_TABLE_CFG_VERSION_1,
  PASID_TABLE_SMMUV3_CFG_VERSION_1,
} from "@faultline/shared/linux-uapi/iommu.ts";
import { VFIO_PASID_TABLE_FLAG_SET, VFIO_PASID_TABLE_FLAG_UNSET, vfio_iommu_type1_set_pasid_table } from "@faultline/shared/linux-uapi/vfio.ts";
import type { ArmSmmu } from "../arm-smmu-v3/arm-smmu-v3.ts";
import type { Domain } from "../iommu/domain.ts";
import { vfioArgument } from "./argument.ts";

const S1DSS_SSID0 = 2;
const S1FMT_64K_LEAVES = 2;

/** VFIO_IOMMU_SET_PASID_TABLE: 0 or -errno, in the order of vfio-uapi.md 4.1. On an error the STEs are as before. */
export async function setPasidTable(smmu: ArmSmmu, domain: Domain, arg: Uint8Array): Promise<number> {
  const header = vfioArgument(vfio_iommu_type1_set_pasid_table, arg);
  if (typeof header === "number") return header;
  const flags = Number(header.flags);
  if (flags === VFIO_PASID_TABLE_FLAG_UNSET) {
    if (domain.nesting) await domain.setStage1({ kind: "bypass" });
    return 0;
  }
  if (flags !== VFIO_PASID_TABLE_FLAG_SET) return -EINVAL;
  return attachPasidTable(smmu, domain, arg.slice(8));
}

async function attachPasidTable(smmu: ArmSmmu, domain: Domain, bytes: Uint8Array): Promise<number> {
  if (bytes.length < 24) return -EFAULT;
  const padded = new Uint8Array(iommu_pasid_table_config.sizeBytes);
  padded.set(bytes.subarray(0, padded.length));
  const config = iommu_pasid_table_config.decode(padded);
  const argsz = Number(config.argsz);
  const format = Number(config.format);
  if (argsz < 24 || Number(config.version) !== PASID_TABLE_CFG_VERSION_1) return -EINVAL;
  if (format === IOMMU_PASID_FORMAT_SMMUV3 && argsz < 32) return -EINVAL;
  if (bytes.length < Math.min(argsz, 32)) return -EFAULT;
  const mode = Number(config.config);
  if (mode < IOMMU_PASID_CONFIG_TRANSLATE || mode > IOMMU_PASID_CONFIG_ABORT) return -EINVAL;
  if (format !== IOMMU_PASID_FORMAT_SMMUV3 || Number(config.smmuv3_version) !== PASID_TABLE_SMMUV3_CFG_VERSION_1) return -EINVAL;
  if (!domain.nesting) return -EINVAL;
  if (mode === IOMMU_PASID_CONFIG_BYPASS || mode === IOMMU_PASID_CONFIG_ABORT) {
    await domain.setStage1({ kind: mode === IOMMU_PASID_CONFIG_BYPASS ? "bypass" : "abort" });
    return 0;
  }

  if (domain.stage1.kind === "translate") return -EINVAL; // table to table goes through BYPASS, ABORT or UNSET
  const s1CdMax = Number(config.pasid_bits);
  if (s1CdMax !== 0 && smmu.ports.switches.has("RR-51")) return -EINVAL;
  for (const { master } of domain.devices) if (s1CdMax > Math.min(smmu.features.ssidBits, master.ssidBits)) return -EINVAL;
  const s1Fmt = Number(config.s1fmt);
  const s1Dss = smmu.ports.switches.has("RR-76") ? S1DSS_SSID0 : Number(config.s1dss);
  if (s1Fmt > S1FMT_64K_LEAVES || s1Dss > S1DSS_SSID0) return -EINVAL; // reserved in the STE
  if (s1Fmt !== 0 && s1CdMax !== 0 && !smmu.features.twoLevelCdTable) return -EINVAL;
  const s1ContextPtr = Number(config.base_ptr);
  if (s1ContextPtr % 64 !== 0 || s1ContextPtr >= 2 ** domain.stage2.inputBits) return -EINVAL;
  await domain.setStage1({ kind: "translate", config: { s1ContextPtr, s1Fmt, s1CdMax, s1Dss } });
  return 0;
}
