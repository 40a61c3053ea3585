/** The machine file (interfaces.md, section 3) after validation: sizes in bytes, addresses and BDFs as numbers. */
export interface Machine {
  dram: { base: number; size: number; kept: boolean };
  smmu: SmmuOptions;
  endpoints: EndpointOptions[];
  vms: VmOptions[];
  abi: "rfc-v1" | "review";
  edgeCredits: number;
}

export type Granule = "4K" | "16K" | "64K";

export interface SmmuOptions {
  stage1: boolean;
  stage2: boolean;
  granules: Granule[];
  oas: number;
  /** VAs of 64K tables, IDR5.VAX. */
  vaBits: 48 | 52;
  /** IDR5.DS: 52-bit addresses in 4K and 16K tables. */
  ds: boolean;
  sidBits: number;
  ssidBits: number;
  asidBits: 8 | 16;
  vmidBits: 8 | 16;
  /** IDR0.VMW: CR0.VMW makes CMD_TLBI_* ignore low bits of the VMID. */
  vmw: boolean;
  /** IDR0.HYP: EL2 stream worlds. */
  hyp: boolean;
  ats: boolean;
  pri: boolean;
  stall: boolean;
  httu: "none" | "access" | "dirty";
  msi: boolean;
  cohacc: boolean;
  rangeInvalidation: boolean;
  twoLevelStreamTable: boolean;
  twoLevelCdTable: boolean;
  cmdqLog2: number;
  eventqLog2: number;
  priqLog2: number;
  caches: { tlb: number; config: number; walk: number };
  /** Every translation table descriptor that is read is a trace event (walk.descriptor), with the owner epochs of its frame: 24 of them for a nested walk. */
  traceWalks: boolean;
}

export interface EndpointOptions {
  /** Bus << 8 | device << 3 | function: Requester ID, StreamID and virtio-iommu endpoint id. */
  bdf: number;
  kind: "accelerator" | "scripted";
  atc: number;
  credits: number;
  pagesPerGroup: number;
  invalidateQueueDepth: number;
  stopMarker: boolean;
}

export interface VmOptions {
  name: string;
  /** Bytes. */
  ram: number;
  slots: { gpa: number; size: number }[];
  endpoints: number[];
  granule: Granule;
  vcpus: number;
}

/** The default machine: one VM, one accelerator. `services/lab/machines/default.yaml` says the same. */
export const defaultMachine: Machine = {
  dram: { base: 0x40000000, size: 48 * 2 ** 20, kept: false },
  smmu: {
    stage1: true,
    stage2: true,
    granules: ["4K", "16K", "64K"],
    oas: 48,
    vaBits: 48,
    ds: false,
    sidBits: 16,
    ssidBits: 20,
    asidBits: 16,
    vmidBits: 16,
    vmw: false,
    hyp: false,
    ats: true,
    pri: true,
    stall: true,
    httu: "dirty",
    msi: true,
    cohacc: true,
    rangeInvalidation: true,
    twoLevelStreamTable: true,
    twoLevelCdTable: true,
    cmdqLog2: 8,
    eventqLog2: 8,
    priqLog2: 6,
    caches: { tlb: 65536, config: 65536, walk: 0 },
    traceWalks: false,
  },
  endpoints: [{ bdf: 0x0008, kind: "accelerator", atc: 1024, credits: 32, pagesPerGroup: 8, invalidateQueueDepth: 32, stopMarker: false }],
  vms: [{ name: "vm0", ram: 16 * 2 ** 20, slots: [{ gpa: 0x80000000, size: 16 * 2 ** 20 }], endpoints: [0x0008], granule: "4K", vcpus: 2 }],
  abi: "review",
  edgeCredits: 4096,
};
