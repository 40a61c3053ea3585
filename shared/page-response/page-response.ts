import { PRI_RESP } from "../arm-smmu-v3/command.ts";
import { EINVAL } from "../linux-uapi/errno.ts";
import { IOMMU_PAGE_RESP_FAILURE, IOMMU_PAGE_RESP_INVALID, IOMMU_PAGE_RESP_SUCCESS } from "../linux-uapi/iommu.ts";

/**
 * The answer to a group of page requests has three numberings; this file alone converts between them.
 *
 * |                  | success | invalid request | failure |
 * |------------------|---------|-----------------|---------|
 * | PCIe PRG Response Code (10.4.2.1)        | 0b0000 | 0b0001 | 0b1111 |
 * | CMD_PRI_RESP.Resp (IHI 0070 G.b, 4.5.2)  | 0b10   | 0b01   | 0b00   |
 * | IOMMU_PAGE_RESP_* (linux/iommu.h)        | 0      | 1      | 2      |
 */
export const PRG_RESPONSE_CODE = { Success: 0b0000, InvalidRequest: 0b0001, ResponseFailure: 0b1111 } as const;

/** IOMMU_PAGE_RESP_* to CMD_PRI_RESP.Resp; -EINVAL for a code that the uapi does not have (IC-1015). */
export function priRespOfCode(code: number): number {
  switch (code) {
    case IOMMU_PAGE_RESP_FAILURE:
      return PRI_RESP.ResponseFailure;
    case IOMMU_PAGE_RESP_INVALID:
      return PRI_RESP.InvalidRequest;
    case IOMMU_PAGE_RESP_SUCCESS:
      return PRI_RESP.Success;
    default:
      return -EINVAL;
  }
}

/** CMD_PRI_RESP.Resp to the code of the PRG Response message; null for the reserved 0b11, which makes the command ILLEGAL. */
export function prgCodeOfPriResp(resp: number): number | null {
  switch (resp) {
    case PRI_RESP.ResponseFailure:
      return PRG_RESPONSE_CODE.ResponseFailure;
    case PRI_RESP.InvalidRequest:
      return PRG_RESPONSE_CODE.InvalidRequest;
    case PRI_RESP.Success:
      return PRG_RESPONSE_CODE.Success;
    default:
      return null;
  }
}

/** PRG Response Code to IOMMU_PAGE_RESP_*: any code that PCIe reserves is handled as a failure (10.4.2.1). */
export function codeOfPrgCode(code: number): number {
  if (code === PRG_RESPONSE_CODE.Success) return IOMMU_PAGE_RESP_SUCCESS;
  return code === PRG_RESPONSE_CODE.InvalidRequest ? IOMMU_PAGE_RESP_INVALID : IOMMU_PAGE_RESP_FAILURE;
}
