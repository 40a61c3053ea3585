import { existsSync, readFileSync } from "node:fs";
import { addressMap } from "@faultline/shared/machine/address-map.ts";
import { describe, expect, it } from "vitest";
import { EndpointRig } from "./endpoint-rig.ts";
import { ConfigSpaceDecoder } from "./lspci.ts";
import { PCI_REGS as R } from "./pci-regs.ts";

const BDF = 0x0008;
/** Reads configuration space through ECAM as a CPU does: `deliver` and its reply. */
class Cpu {
  readonly rig: EndpointRig;
  #seq = 1;
  constructor(options: ConstructorParameters<typeof EndpointRig>[0][number] = {}) {
    this.rig = new EndpointRig([{ bdf: BDF, ...options }]);
  }
  read(offset: number, size: 1 | 2 | 4, bdf = BDF): Uint8Array {
    this.rig.hardware.deliver(this.#seq++, { kind: "mmioRead", address: addressMap.ecam.base + bdf * 4096 + offset, size });
    const reply = this.rig.host.replies.at(-1)!.body;
    if (reply.kind !== "mmioReadResult") throw new Error(reply.kind);
    return reply.value;
  }
  value = (offset: number, size: 1 | 2 | 4): number => this.read(offset, size).reduce((all, byte, i) => all + byte * 2 ** (8 * i), 0);
  write(offset: number, size: 1 | 2 | 4, value: number): void {
    const bytes = Uint8Array.from({ length: size }, (_, i) => Math.floor(value / 2 ** (8 * i)) % 256);
    this.rig.hardware.deliver(this.#seq++, { kind: "configWrite", address: addressMap.ecam.base + BDF * 4096 + offset, value: bytes });
  }
  space = (): Uint8Array => Uint8Array.from({ length: 4096 }, (_, offset) => this.read(offset, 1)[0]);
  hex = (offset: number, bytes: number): string => Buffer.from(this.space().subarray(offset, offset + bytes)).toString("hex");
}
const at = { PASID: 0x100, ATS: 0x110, PRI: 0x120, AER: 0x130, EXP: 0x40, MSIX: 0x80 } as const;

describe("names of include/uapi/linux/pci_regs.h", () => {
  const header = "/usr/include/linux/pci_regs.h";
  it.skipIf(!existsSync(header))("have the values of the installed header (skipped where there is none)", () => {
    const text = readFileSync(header, "utf8");
    const wrong = Object.entries(R).filter(([name, value]) => Number(new RegExp(`^#define\\s+${name}\\s+(\\S+)`, "m").exec(text)?.[1]) !== value);
    expect(wrong).toEqual([]);
  });
});

describe("configuration space after reset, as golden bytes (PCIe 7.5.1, 7.7.2, 7.8.4, 7.8.8, 10.5)", () => {
  const cpu = new Cpu();
  it.each([
    ["type 0 header: 1234:5a01, class 0x120000, capability list", 0, 16, "3412015a000010000000001200000000"],
    ["BAR 0 and 1: one 64-bit memory BAR; no more BARs", 0x10, 24, "040000000000000000000000000000000000000000000000"],
    ["subsystem 1234:5a01, capabilities at 0x40", 0x2c, 12, "3412015a0000000040000000"],
    ["Express: version 2 endpoint, role-based error reporting, FLR, next 0x80", at.EXP, 12, "108002000080001000000000"],
    ["Express DevCap2: completion time-out disable, end-end TLP prefix", at.EXP + 0x24, 4, "10002000"],
    ["MSI-X: 9 vectors, table at BAR 0 + 0x8000, PBA at + 0xc000, last", at.MSIX, 12, "110008000080000000c00000"],
    ["PASID: version 1, next 0x110, Exec and Priv, 20 bits", at.PASID, 8, "1b00011106140000"],
    ["ATS: version 1, next 0x120, depth 32 as 0, page aligned, global invalidate", at.ATS, 8, "0f00011260000000"],
    ["PRI: version 1, next 0x130, Stopped and PASID required, capacity 32, allocation 0", at.PRI, 16, "13000113000000812000000000000000"],
    ["AER: version 2, last, nothing detected or masked, data link and malformed TLP fatal", at.AER, 16, "01000200000000000000000010000400"],
    ["AER: Advisory Non-Fatal masked, no first error, logs empty", at.AER + 0x10, 0x38, `0000000000200000${"00".repeat(0x30)}`],
  ])("%s", (_name, offset, bytes, expected) => expect(cpu.hex(offset, bytes)).toBe(expected));

  it("prints like lspci -vv", () => {
    expect(new ConfigSpaceDecoder(cpu.space()).lspci("00:01.0")).toBe(
      [
        "00:01.0 Class [1200]: Device [1234:5a01]",
        "\tSubsystem: Device [1234:5a01]",
        "\tControl: I/O- Mem- BusMaster- SERR- DisINTx-",
        "\tStatus: Cap+ >SERR-",
        "\tRegion 0: Memory at 0 (64-bit, non-prefetchable)",
        "\tCapabilities: [40] Express (v2) Endpoint",
        "\t\tDevCap:\tRBE+ FLReset+",
        "\t\tDevCtl:\tCorrErr- NonFatalErr- FatalErr- UnsupReq-",
        "\t\tDevSta:\tCorrErr- NonFatalErr- FatalErr- UnsupReq-",
        "\t\tDevCap2: TimeoutDis+ EETLPPrefix+",
        "\t\tDevCtl2: TimeoutDis-",
        "\tCapabilities: [80] MSI-X: Enable- Count=9 Masked-",
        "\t\tVector table: BAR=0 offset=00008000",
        "\t\tPBA: BAR=0 offset=0000c000",
        "\tCapabilities: [100 v1] Process Address Space ID (PASID)",
        "\t\tPASIDCap: Exec+ Priv+, Max PASID Width: 14",
        "\t\tPASIDCtl: Enable- Exec- Priv-",
        "\tCapabilities: [110 v1] Address Translation Service (ATS)",
        "\t\tATSCap:\tInvalidate Queue Depth: 00",
        "\t\tATSCtl:\tEnable-, Smallest Translation Unit: 00",
        "\tCapabilities: [120 v1] Page Request Interface (PRI)",
        "\t\tPRICtl: Enable- Reset-",
        "\t\tPRISta: RF- UPRGI- Stopped+ PASID+",
        "\t\tPage Request Capacity: 00000020, Page Request Allocation: 00000000",
        "\tCapabilities: [130 v2] Advanced Error Reporting",
        "\t\tUESta:\tDLP- TLP- CmpltTO- CmpltAbrt- UnxCmplt- MalfTLP- UnsupReq-",
        "\t\tUEMsk:\tDLP- TLP- CmpltTO- CmpltAbrt- UnxCmplt- MalfTLP- UnsupReq-",
        "\t\tUESvrt:\tDLP+ TLP- CmpltTO- CmpltAbrt- UnxCmplt- MalfTLP+ UnsupReq-",
        "\t\tCESta:\tRxErr- BadTLP- BadDLLP- Rollover- Timeout- AdvNonFatalErr-",
        "\t\tCEMsk:\tRxErr- BadTLP- BadDLLP- Rollover- Timeout- AdvNonFatalErr+",
        "\t\tAERCap:\tFirst Error Pointer: 00, ECRCGenCap- ECRCChkCap- MultHdrRecCap- TLPPfxPres-",
        "\t\tHeaderLog: 00000000 00000000 00000000 00000000",
      ].join("\n"),
    );
  });
  it("prints what a driver has set up", () => {
    const ready = new Cpu();
    ready.rig.enable(BDF, { allocation: 16 });
    ready.write(R.PCI_BASE_ADDRESS_0, 4, 0x1001_0000);
    const lines = new ConfigSpaceDecoder(ready.space()).lspci("00:01.0").split("\n");
    for (const line of [
      "\tControl: I/O- Mem+ BusMaster+ SERR- DisINTx-",
      "\tRegion 0: Memory at 10010000 (64-bit, non-prefetchable)",
      "\t\tPASIDCtl: Enable+ Exec+ Priv+",
      "\t\tATSCtl:\tEnable+, Smallest Translation Unit: 00",
      "\t\tPRICtl: Enable+ Reset-",
      "\t\tPRISta: RF- UPRGI- Stopped- PASID+",
      "\t\tPage Request Capacity: 00000020, Page Request Allocation: 00000010",
    ])
      expect(lines).toContain(line);
  });
  it("prints an error that a CPU caused: a write to BAR 0 while memory space is off (PCIe 6.2)", () => {
    const wrong = new Cpu();
    wrong.write(R.PCI_BASE_ADDRESS_0, 4, 0x1001_0000);
    wrong.write(R.PCI_COMMAND, 2, R.PCI_COMMAND_SERR);
    wrong.rig.hardware.deliver(1, { kind: "mmioWrite", address: 0x1001_0008, value: Uint8Array.of(1, 0, 0, 0) });
    const lines = new ConfigSpaceDecoder(wrong.space()).lspci("00:01.0").split("\n");
    for (const line of [
      "\tStatus: Cap+ >SERR+",
      "\t\tDevSta:\tCorrErr- NonFatalErr+ FatalErr- UnsupReq+",
      "\t\tUESta:\tDLP- TLP- CmpltTO- CmpltAbrt- UnxCmplt- MalfTLP- UnsupReq+",
      "\t\tAERCap:\tFirst Error Pointer: 14, ECRCGenCap- ECRCChkCap- MultHdrRecCap- TLPPfxPres-",
      "\t\tHeaderLog: 40000001 0000000f 10010008 00000000",
    ])
      expect(lines).toContain(line);
  });
  it("capacity and depth are the machine's: credits 512, queue depth 7", () => {
    const other = new Cpu({ credits: 512, invalidateQueueDepth: 7 });
    expect([other.value(at.PRI + R.PCI_PRI_MAX_REQ, 4), other.value(at.ATS + R.PCI_ATS_CAP, 2) & 0x1f]).toEqual([512, 7]);
  });
});

describe("registers that are written (PCIe 7.5.1, 7.8.8, 10.5)", () => {
  const ones = 0xffff_ffff;
  it.each<[string, number, 2 | 4, number]>([
    ["PCI_COMMAND: memory, bus master, SERR# and INTx disable", R.PCI_COMMAND, 2, 0x506],
    ["PCI_STATUS: nothing", R.PCI_STATUS, 2, 0x10],
    ["PCI_VENDOR_ID: nothing", R.PCI_VENDOR_ID, 4, 0x5a01_1234],
    ["BAR 0: sizes as 64 KiB", R.PCI_BASE_ADDRESS_0, 4, 0xffff_0004],
    ["BAR 0, upper half: all", R.PCI_BASE_ADDRESS_0 + 4, 4, ones],
    ["PCI_EXP_DEVCAP: nothing", at.EXP + R.PCI_EXP_DEVCAP, 4, 0x1000_8000],
    ["PCI_EXP_DEVCTL: all but Initiate FLR, which reads 0", at.EXP + R.PCI_EXP_DEVCTL, 2, 0],
    ["PCI_EXP_DEVSTA: nothing that was not detected", at.EXP + R.PCI_EXP_DEVSTA, 2, 0],
    ["PCI_EXP_DEVCTL2: Completion Timeout Disable", at.EXP + R.PCI_EXP_DEVCTL2, 2, R.PCI_EXP_DEVCTL2_COMP_TMOUT_DIS],
    ["PCI_MSIX_FLAGS: enable and mask, not the size", at.MSIX + R.PCI_MSIX_FLAGS, 2, 0xc008],
    ["PASID capability: nothing", at.PASID + R.PCI_PASID_CAP, 2, 0x1406],
    ["PASID control: three enables", at.PASID + R.PCI_PASID_CTRL, 2, 0x7],
    ["ATS capability: nothing", at.ATS + R.PCI_ATS_CAP, 2, 0x60],
    ["ATS control: Enable and STU", at.ATS + R.PCI_ATS_CTRL, 2, 0x801f],
    ["PRI control: Enable; Reset reads 0", at.PRI + R.PCI_PRI_CTRL, 2, 0x1],
    ["PRI status: Stopped and PASID required stay", at.PRI + R.PCI_PRI_STATUS, 2, 0x8100],
    ["PRI capacity: nothing", at.PRI + R.PCI_PRI_MAX_REQ, 4, 32],
    ["PRI allocation: all", at.PRI + R.PCI_PRI_ALLOC_REQ, 4, ones],
    ["the extended capability headers: nothing", at.PRI, 4, 0x1301_0013],
    ["AER uncorrectable status: nothing that was not detected", at.AER + R.PCI_ERR_UNCOR_STATUS, 4, 0],
    ["AER uncorrectable mask: the errors that the function knows", at.AER + R.PCI_ERR_UNCOR_MASK, 4, 0x0015_d010],
    ["AER uncorrectable severity: the same", at.AER + R.PCI_ERR_UNCOR_SEVER, 4, 0x0015_d010],
    ["AER correctable mask", at.AER + R.PCI_ERR_COR_MASK, 4, 0x31c1],
    ["AER control: nothing, ECRC is not there", at.AER + R.PCI_ERR_CAP, 4, 0],
    ["AER Header Log: nothing", at.AER + R.PCI_ERR_HEADER_LOG, 4, 0],
  ])("%s", (_name, offset, size, expected) => {
    const cpu = new Cpu();
    cpu.write(offset, size, size === 2 ? 0xffff : ones);
    expect(cpu.value(offset, size)).toBe(expected);
  });
  it("bytes and halves of a register are written on their own", () => {
    const cpu = new Cpu();
    cpu.write(at.ATS + R.PCI_ATS_CTRL + 1, 1, 0x80);
    cpu.write(at.PRI + R.PCI_PRI_ALLOC_REQ + 1, 1, 1);
    expect([cpu.value(at.ATS + R.PCI_ATS_CTRL, 2), cpu.value(at.PRI + R.PCI_PRI_ALLOC_REQ, 4)]).toEqual([0x8000, 0x100]);
  });
  it("initiating an FLR reads 0 and puts every register back but what identifies the function (PCIe 6.6.2)", () => {
    const cpu = new Cpu();
    const before = cpu.space();
    cpu.rig.enable(BDF);
    cpu.write(R.PCI_BASE_ADDRESS_0, 4, 0x1001_0000);
    cpu.write(at.EXP + R.PCI_EXP_DEVCTL, 2, R.PCI_EXP_DEVCTL_BCR_FLR);
    expect(cpu.space()).toEqual(before);
  });
  it("a bus address without a function reads all ones", () => {
    expect(Array.from(new Cpu().read(0, 4, 0x10))).toEqual([255, 255, 255, 255]);
  });
});
