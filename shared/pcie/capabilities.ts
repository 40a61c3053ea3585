import type { Bits } from "../codec/bit-struct.ts";

/** Capability and extended capability ids (PCIe 7). */
export const CAPABILITY = { PCIe: 0x10, MSIX: 0x11 } as const;
export const EXTENDED_CAPABILITY = { AER: 0x0001, ATS: 0x000f, PRI: 0x0013, PASID: 0x001b } as const;

/** Offsets in the type 0 header. */
export const HEADER = {
  vendorId: 0x00,
  deviceId: 0x02,
  command: 0x04,
  status: 0x06,
  revision: 0x08,
  classCode: 0x09,
  headerType: 0x0e,
  bar0: 0x10,
  subsystemVendorId: 0x2c,
  subsystemId: 0x2e,
  capabilities: 0x34,
} as const;
export const COMMAND = { memory: 0x2, busMaster: 0x4, serr: 0x100, intxDisable: 0x400 } as const;
/** Status register, RW1C (PCIe 7.5.1.1.4). */
export const STATUS = { signaledSystemError: 0x4000 } as const;

/** PCI Express capability: offsets from its start (PCIe 7.5.3). */
export const PCIE = {
  flags: 0x02,
  deviceCapabilities: 0x04,
  deviceControl: 0x08,
  deviceStatus: 0x0a,
  deviceCapabilities2: 0x24,
  deviceControl2: 0x28,
  sizeBytes: 0x3c,
} as const;
export const DEVICE_CAPABILITIES = { roleBasedErrorReporting: 0x8000, functionLevelReset: 2 ** 28 } as const;
/** Reporting enables of correctable, non-fatal and fatal errors and of Unsupported Requests; and Initiate FLR. */
export const DEVICE_CONTROL = { correctable: 0x1, nonFatal: 0x2, fatal: 0x4, unsupportedRequest: 0x8, initiateFunctionLevelReset: 0x8000 } as const;
/** RW1C: an error was detected, whether or not it is reported. */
export const DEVICE_STATUS = { correctable: 0x1, nonFatal: 0x2, fatal: 0x4, unsupportedRequest: 0x8 } as const;
export const DEVICE_CAPABILITIES_2 = { completionTimeoutDisable: 0x10, endEndTlpPrefix: 2 ** 21 } as const;
export const DEVICE_CONTROL_2 = { completionTimeoutDisable: 0x10 } as const;

/** MSI-X capability (PCIe 7.7.2). */
export const MSIX_CAPABILITY = { control: 0x02, table: 0x04, pba: 0x08, sizeBytes: 12 } as const;
export const MSIX_CONTROL = { functionMask: 0x4000, enable: 0x8000 } as const;

/** ATS capability (PCIe 10.5.1): bits of the 16-bit words at +4 and +6. */
export const ATS = {
  capability: 0x04,
  control: 0x06,
  sizeBytes: 8,
  capabilityFields: { invalidateQueueDepth: [4, 0], pageAlignedRequest: [5, 5], globalInvalidate: [6, 6] } as Record<string, Bits>,
  enable: 0x8000,
  smallestTranslationUnit: 0x1f,
} as const;

/** PRI capability (PCIe 10.5.2). */
export const PRI = {
  control: 0x04,
  status: 0x06,
  capacity: 0x08,
  allocation: 0x0c,
  sizeBytes: 16,
  enable: 0x1,
  reset: 0x2,
  responseFailure: 0x1,
  unexpectedPrgIndex: 0x2,
  stopped: 0x100,
  prgResponsePasidRequired: 0x8000,
} as const;

/** PASID capability (PCIe 7.8.8). */
export const PASID = {
  capability: 0x04,
  control: 0x06,
  sizeBytes: 8,
  executeSupported: 0x2,
  privilegedSupported: 0x4,
  enable: 0x1,
  executeEnable: 0x2,
  privilegedEnable: 0x4,
} as const;
