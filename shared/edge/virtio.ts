/** virtio/v1: the virtqueues and configuration accesses of one guest, and PCI accesses to its assigned functions. */
export type GuestToVmm =
  | { kind: "getFeatures" }
  | { kind: "setFeatures"; features: Uint8Array }
  | { kind: "getStatus" }
  /** 0 resets the device. Answered by `status` with what reads back. */
  | { kind: "setStatus"; status: number }
  | { kind: "readConfig"; offset: number; length: number }
  | { kind: "writeConfig"; offset: number; data: Uint8Array }
  /** A chain made available: queue 0 request, 1 event. The edge is the virtqueue: no rings in memory. */
  | { kind: "available"; queue: number; head: number; readable: Uint8Array; writableLength: number }
  /** Assigned functions by guest BDF. `space`: "config" or "bar0".."bar5". Answered by `pciReadResult`. */
  | { kind: "pciRead"; bdf: number; space: string; offset: number; size: number }
  /** Answered by `pciWriteDone` (configuration) or by nothing (BARs: posted). */
  | { kind: "pciWrite"; bdf: number; space: string; offset: number; value: Uint8Array };

export type VmmToGuest =
  | { kind: "features"; features: Uint8Array }
  | { kind: "status"; status: number }
  | { kind: "config"; data: Uint8Array }
  | { kind: "configWritten" }
  | { kind: "pciReadResult"; value: Uint8Array }
  | { kind: "pciWriteDone" }
  /** A used element with the bytes the device wrote, from the start of the writable part. */
  | { kind: "used"; queue: number; head: number; written: Uint8Array; interrupt: boolean }
  /** "config": configuration change of the virtio-iommu; "msix": vector of an assigned function; "slot": the hot-plug event of its slot, it is gone. */
  | { kind: "interrupt"; source: "config" | "msix" | "slot"; bdf: number; vector: number };
