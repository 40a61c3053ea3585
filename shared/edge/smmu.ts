/** smmu/v1: the host's bus to the hardware. Addresses are physical: SMMU registers, ECAM and BARs are told apart by the address map (interfaces.md, section 4). */
export type HostToSmmu =
  /** size 1, 2, 4 or 8 bytes. Answered by `mmioReadResult`. */
  | { kind: "mmioRead"; address: number; size: number }
  /** Posted: no reply. `value` is `size` bytes, little-endian. */
  | { kind: "mmioWrite"; address: number; value: Uint8Array }
  /** Configuration writes are non-posted: answered by `configWriteDone`. Reads of ECAM are `mmioRead`. */
  | { kind: "configWrite"; address: number; value: Uint8Array }
  /** "reset": the machine is powered on again. Answered by `powerDone`. */
  | { kind: "power"; action: "reset" };

export type InterruptSource = "EVENTQ" | "PRIQ" | "CMD_SYNC" | "GERROR" | "MSI" | "MEMORY" | "SLOT";

export type SmmuToHost =
  | { kind: "mmioReadResult"; value: Uint8Array }
  | { kind: "configWriteDone" }
  | { kind: "powerDone" }
  /**
   * A wired line (EVENTQ, PRIQ, CMD_SYNC, GERROR), an MSI that reached GITS_TRANSLATER (MSI: deviceId and eventId), a write of the
   * SMMU's own to RAM (MEMORY: CMD_SYNC's completion), or Data Link Layer State Changed of the slot that holds the function deviceId (SLOT, PCIe 6.7.3.3). The record bytes travel as posted writes; the pointers are those of that moment.
   */
  | { kind: "interrupt"; source: InterruptSource; deviceId: number; eventId: number; eventqProd: number; priqProd: number; cmdqCons: number; gerror: number };

/** DeviceID of the SMMU's own MSIs: above the 16-bit StreamIDs that endpoints have. */
export const SMMU_DEVICE_ID = 0x10000;
