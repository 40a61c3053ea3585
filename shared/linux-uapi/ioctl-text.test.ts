import { describe, expect, it } from "vitest";
import { ioctlArgument, ioctlName } from "./ioctl-text.ts";

const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
const nr = (n: number) => 0x3b00 + n; // _IO(';', n), linux/vfio.h

describe("ioctls as strace prints them", () => {
  it("names the command, or gives its number", () => {
    expect(ioctlName(nr(118))).toBe("VFIO_IOMMU_SET_PASID_TABLE");
    expect(ioctlName(0x1234)).toBe("0x1234");
  });
  it("decodes MAP_DMA", () => {
    expect(ioctlArgument(nr(113), bytes("20000000030000000000000001000000000000800000000000000100" + "00000000"))).toBe(
      "{argsz=32, flags=0x3, vaddr=0x100000000, iova=0x80000000, size=0x10000}",
    );
  });
  it("quotes a device name and prints an int", () => {
    expect(ioctlArgument(nr(106), bytes("303030303a30303a30312e3000"))).toBe('"0000:00:01.0"');
    expect(ioctlArgument(nr(102), bytes("06000000"))).toBe("6");
  });
  it("lists the eventfds of SET_IRQS", () => {
    expect(ioctlArgument(nr(110), bytes("18000000" + "24000000" + "02000000" + "00000000" + "01000000" + "0e000000"))).toMatch(/data=\[14\]\}$/);
  });
  it("shows bytes too short for their structure as they are", () => {
    expect(ioctlArgument(nr(113), bytes("2000"))).toBe('"\\x20\\x00"');
  });
});
