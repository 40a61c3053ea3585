import type { IommuDevice } from "@faultline/shared/linux/report-device-fault.ts";

/** struct arm_smmu_master: a function behind the SMMU. */
export interface Master {
  readonly sid: number;
  readonly iommu: IommuDevice;
  /** The function can do ATS and the SMMU too. */
  readonly atsSupported: boolean;
  /** ATS Enable is set in the function: ATC_INV is owed. */
  atsEnabled: boolean;
  /** PASID width in use; 0: none. */
  readonly ssidBits: number;
  /** The function's PRI capability. */
  readonly pri: { capacity: number; prgResponsePasidRequired: boolean } | null;
}
