import { PCI_REGS as R } from "./pci-regs.ts";

/** A capability by its chain: where it lies and what it is. */
export interface Capability {
  at: number;
  id: number;
  version: number;
}

/** Decoder of a type 0 configuration space that knows nothing of the machine's own tables. Prints the way `lspci -vv` does. */
export class ConfigSpaceDecoder {
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    if (bytes.length !== 4096) throw new RangeError(`configuration space is 4096 bytes, got ${bytes.length}`);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  u8 = (at: number): number => this.#view.getUint8(at);
  u16 = (at: number): number => this.#view.getUint16(at, true);
  u32 = (at: number): number => this.#view.getUint32(at, true);

  /** The list from PCI_CAPABILITY_LIST. A pointer that leads back, or outside 0x40 to 0xfc, throws. */
  capabilities(): Capability[] {
    if ((this.u16(R.PCI_STATUS) & R.PCI_STATUS_CAP_LIST) === 0) return [];
    const found: Capability[] = [];
    for (let at = this.u8(R.PCI_CAPABILITY_LIST); at !== 0; at = this.u8(at + 1)) {
      if (at < 0x40 || at % 4 !== 0 || found.some((capability) => capability.at === at)) throw new Error(`capability pointer ${at.toString(16)}`);
      found.push({ at, id: this.u8(at), version: this.u8(at) === R.PCI_CAP_ID_EXP ? this.u16(at + R.PCI_EXP_FLAGS) & 0xf : 0 });
    }
    return found;
  }

  /** The list from 0x100: ID 15:0, version 19:16, next 31:20. */
  extendedCapabilities(): Capability[] {
    const found: Capability[] = [];
    for (let at = 0x100; at !== 0; at = this.u32(at) >>> 20) {
      if (at < 0x100 || at % 4 !== 0 || found.some((capability) => capability.at === at)) throw new Error(`extended capability pointer ${at.toString(16)}`);
      const header = this.u32(at);
      if (header === 0) break;
      found.push({ at, id: header & 0xffff, version: (header >>> 16) & 0xf });
    }
    return found;
  }

  lspci(slot: string): string {
    const command = this.u16(R.PCI_COMMAND);
    const lines = [
      `${slot} Class [${hex(this.u16(R.PCI_CLASS_DEVICE), 4)}]: Device [${hex(this.u16(R.PCI_VENDOR_ID), 4)}:${hex(this.u16(R.PCI_DEVICE_ID), 4)}]`,
      `\tSubsystem: Device [${hex(this.u16(R.PCI_SUBSYSTEM_VENDOR_ID), 4)}:${hex(this.u16(R.PCI_SUBSYSTEM_ID), 4)}]`,
      `\tControl: ${flags(command, { "I/O": 1, Mem: R.PCI_COMMAND_MEMORY, BusMaster: R.PCI_COMMAND_MASTER, SERR: R.PCI_COMMAND_SERR, DisINTx: R.PCI_COMMAND_INTX_DISABLE })}`,
      `\tStatus: ${flags(this.u16(R.PCI_STATUS), { Cap: R.PCI_STATUS_CAP_LIST, ">SERR": R.PCI_STATUS_SIG_SYSTEM_ERROR })}`,
    ];
    const bar = this.u32(R.PCI_BASE_ADDRESS_0);
    const base = (BigInt(this.u32(R.PCI_BASE_ADDRESS_0 + 4)) << 32n) | BigInt((bar & ~0xf) >>> 0);
    if (bar & 1) throw new Error("BAR 0 is I/O");
    lines.push(`\tRegion 0: Memory at ${base.toString(16)} (${bar & R.PCI_BASE_ADDRESS_MEM_TYPE_64 ? "64" : "32"}-bit, ${bar & 8 ? "" : "non-"}prefetchable)`);
    for (const capability of this.capabilities()) lines.push(...this.#capability(capability));
    for (const capability of this.extendedCapabilities()) lines.push(...this.#extended(capability));
    return lines.join("\n");
  }

  #capability({ at, id, version }: Capability): string[] {
    const title = (text: string) => `\tCapabilities: [${hex(at, 2)}] ${text}`;
    if (id === R.PCI_CAP_ID_EXP)
      return [
        title(`Express (v${version}) ${["Endpoint", "Legacy Endpoint"][(this.u16(at + R.PCI_EXP_FLAGS) >>> 4) & 0xf]}`),
        `\t\tDevCap:\t${flags(this.u32(at + R.PCI_EXP_DEVCAP), { RBE: R.PCI_EXP_DEVCAP_RBER, FLReset: R.PCI_EXP_DEVCAP_FLR })}`,
        `\t\tDevCtl:\t${flags(this.u16(at + R.PCI_EXP_DEVCTL), { CorrErr: R.PCI_EXP_DEVCTL_CERE, NonFatalErr: R.PCI_EXP_DEVCTL_NFERE, FatalErr: R.PCI_EXP_DEVCTL_FERE, UnsupReq: R.PCI_EXP_DEVCTL_URRE })}`,
        `\t\tDevSta:\t${flags(this.u16(at + R.PCI_EXP_DEVSTA), { CorrErr: R.PCI_EXP_DEVSTA_CED, NonFatalErr: R.PCI_EXP_DEVSTA_NFED, FatalErr: R.PCI_EXP_DEVSTA_FED, UnsupReq: R.PCI_EXP_DEVSTA_URD })}`,
        `\t\tDevCap2: ${flags(this.u32(at + R.PCI_EXP_DEVCAP2), { TimeoutDis: R.PCI_EXP_DEVCAP2_COMP_TMOUT_DIS, EETLPPrefix: R.PCI_EXP_DEVCAP2_EE_PREFIX })}`,
        `\t\tDevCtl2: ${flags(this.u16(at + R.PCI_EXP_DEVCTL2), { TimeoutDis: R.PCI_EXP_DEVCTL2_COMP_TMOUT_DIS })}`,
      ];
    if (id !== R.PCI_CAP_ID_MSIX) return [title(`Unknown ${hex(id, 2)}`)];
    const control = this.u16(at + R.PCI_MSIX_FLAGS);
    const place = (offset: number) => {
      const value = this.u32(at + offset);
      return `BAR=${value & R.PCI_MSIX_TABLE_BIR} offset=${hex((value & ~R.PCI_MSIX_TABLE_BIR) >>> 0, 8)}`;
    };
    return [
      title(
        `MSI-X: ${flags(control, { Enable: R.PCI_MSIX_FLAGS_ENABLE })} Count=${(control & R.PCI_MSIX_FLAGS_QSIZE) + 1} ${flags(control, { Masked: R.PCI_MSIX_FLAGS_MASKALL })}`,
      ),
      `\t\tVector table: ${place(R.PCI_MSIX_TABLE)}`,
      `\t\tPBA: ${place(R.PCI_MSIX_PBA)}`,
    ];
  }

  #extended({ at, id, version }: Capability): string[] {
    const title = (text: string) => `\tCapabilities: [${hex(at, 3)} v${version}] ${text}`;
    switch (id) {
      case R.PCI_EXT_CAP_ID_PASID: {
        const capability = this.u16(at + R.PCI_PASID_CAP);
        const control = { Enable: R.PCI_PASID_CTRL_ENABLE, Exec: R.PCI_PASID_CTRL_EXEC, Priv: R.PCI_PASID_CTRL_PRIV };
        return [
          title("Process Address Space ID (PASID)"),
          `\t\tPASIDCap: ${flags(capability, { Exec: R.PCI_PASID_CAP_EXEC, Priv: R.PCI_PASID_CAP_PRIV })}, Max PASID Width: ${hex((capability >>> 8) & 0x1f, 2)}`,
          `\t\tPASIDCtl: ${flags(this.u16(at + R.PCI_PASID_CTRL), control)}`,
        ];
      }
      case R.PCI_EXT_CAP_ID_ATS: {
        const control = this.u16(at + R.PCI_ATS_CTRL);
        return [
          title("Address Translation Service (ATS)"),
          `\t\tATSCap:\tInvalidate Queue Depth: ${hex(this.u16(at + R.PCI_ATS_CAP) & 0x1f, 2)}`,
          `\t\tATSCtl:\t${flags(control, { Enable: R.PCI_ATS_CTRL_ENABLE })}, Smallest Translation Unit: ${hex(control & 0x1f, 2)}`,
        ];
      }
      case R.PCI_EXT_CAP_ID_PRI: {
        const status = { RF: R.PCI_PRI_STATUS_RF, UPRGI: R.PCI_PRI_STATUS_UPRGI, Stopped: R.PCI_PRI_STATUS_STOPPED, PASID: R.PCI_PRI_STATUS_PASID };
        return [
          title("Page Request Interface (PRI)"),
          `\t\tPRICtl: ${flags(this.u16(at + R.PCI_PRI_CTRL), { Enable: R.PCI_PRI_CTRL_ENABLE, Reset: R.PCI_PRI_CTRL_RESET })}`,
          `\t\tPRISta: ${flags(this.u16(at + R.PCI_PRI_STATUS), status)}`,
          `\t\tPage Request Capacity: ${hex(this.u32(at + R.PCI_PRI_MAX_REQ), 8)}, Page Request Allocation: ${hex(this.u32(at + R.PCI_PRI_ALLOC_REQ), 8)}`,
        ];
      }
      case R.PCI_EXT_CAP_ID_ERR: {
        const control = this.u32(at + R.PCI_ERR_CAP);
        const log = [0, 4, 8, 12].map((n) => hex(this.u32(at + R.PCI_ERR_HEADER_LOG + n), 8)).join(" ");
        return [
          title("Advanced Error Reporting"),
          `\t\tUESta:\t${flags(this.u32(at + R.PCI_ERR_UNCOR_STATUS), UNCORRECTABLE)}`,
          `\t\tUEMsk:\t${flags(this.u32(at + R.PCI_ERR_UNCOR_MASK), UNCORRECTABLE)}`,
          `\t\tUESvrt:\t${flags(this.u32(at + R.PCI_ERR_UNCOR_SEVER), UNCORRECTABLE)}`,
          `\t\tCESta:\t${flags(this.u32(at + R.PCI_ERR_COR_STATUS), CORRECTABLE)}`,
          `\t\tCEMsk:\t${flags(this.u32(at + R.PCI_ERR_COR_MASK), CORRECTABLE)}`,
          `\t\tAERCap:\tFirst Error Pointer: ${hex(control & 0x1f, 2)}, ${flags(control, { ECRCGenCap: 0x20, ECRCChkCap: 0x80, MultHdrRecCap: 0x200, TLPPfxPres: 0x800 })}`,
          `\t\tHeaderLog: ${log}`,
        ];
      }
      default:
        return [title(`Extended Capability ID ${hex(id, 2)}`)];
    }
  }
}

const UNCORRECTABLE = {
  DLP: R.PCI_ERR_UNC_DLP,
  TLP: R.PCI_ERR_UNC_POISON_TLP,
  CmpltTO: R.PCI_ERR_UNC_COMP_TIME,
  CmpltAbrt: R.PCI_ERR_UNC_COMP_ABORT,
  UnxCmplt: R.PCI_ERR_UNC_UNX_COMP,
  MalfTLP: R.PCI_ERR_UNC_MALF_TLP,
  UnsupReq: R.PCI_ERR_UNC_UNSUP,
} as const;
const CORRECTABLE = {
  RxErr: R.PCI_ERR_COR_RCVR,
  BadTLP: R.PCI_ERR_COR_BAD_TLP,
  BadDLLP: R.PCI_ERR_COR_BAD_DLLP,
  Rollover: R.PCI_ERR_COR_REP_ROLL,
  Timeout: R.PCI_ERR_COR_REP_TIMER,
  AdvNonFatalErr: R.PCI_ERR_COR_ADV_NFAT,
} as const;
const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
const flags = (value: number, bits: Record<string, number>): string =>
  Object.entries(bits)
    .map(([name, bit]) => `${name}${value & bit ? "+" : "-"}`)
    .join(" ");
