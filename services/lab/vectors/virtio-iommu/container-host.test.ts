import { regionOfAddress } from "@faultline/shared/edge/vfio.ts";
import { beforeEach, describe, expect, it } from "vitest";
import { ContainerHost } from "./container-host.ts";

const int32 = (...values: number[]): Uint8Array => new Uint8Array(new Int32Array(values).buffer);
const SET_CONTAINER = 0x3b68,
  GET_DEVICE_FD = 0x3b6a,
  SET_IRQS = 0x3b6e,
  MAP_DMA = 0x3b71,
  UNMAP_DMA = 0x3b72,
  SET_PASID_TABLE = 0x3b76;
const READ = 1,
  WRITE = 2;
const [BYPASS, ABORT] = [2, 3];
const [EEXIST, ENOTTY] = [17, 25];

/** Little-endian: two 32-bit words, then 64-bit ones. */
function words(first: number, second: number, ...rest: bigint[]): Uint8Array {
  return Uint8Array.from([...int32(first, second), ...new Uint8Array(new BigUint64Array(rest).buffer)]);
}

let host: ContainerHost;
let stored: string[];
let container: number;
const call = (fd: number, cmd: number, arg: Uint8Array): number => (host.answer({ kind: "ioctl", fd, cmd, arg }) as { ret: number }).ret;
const open = (path: string): number => (host.answer({ kind: "open", path }) as { ret: number }).ret;
const map = (iova: bigint, hva: bigint, size: bigint, flags = READ | WRITE) => call(container, MAP_DMA, words(32, flags, hva, iova, size));
const stage1 = (config: number) =>
  call(container, SET_PASID_TABLE, Uint8Array.from([...words(40, 1), ...words(32, 1), ...new Uint8Array(13), config, ...new Uint8Array(10)]));

beforeEach(() => {
  stored = [];
  host = new ContainerHost([0x10, 0x18], {
    post(address, data) {
      const { offset } = regionOfAddress(address);
      stored.push(`${offset.toString(16)}: ${Buffer.from(data.subarray(0, 32)).toString("hex")}`);
    },
    signal: (fd) => void stored.push(`signal ${fd}`),
  });
  container = open("/dev/vfio/vfio");
  const group = open("/dev/vfio/1");
  call(group, SET_CONTAINER, int32(container));
  const device = call(group, GET_DEVICE_FD, new Uint8Array([0]));
  call(device, SET_IRQS, Uint8Array.from([...int32(24, 0x24, 5, 0, 1), ...int32(77)])); // IRQ 5 behind those of vfio-pci
});

describe("DMA of a container's function (vfio-uapi.md, 3)", () => {
  it("goes where it was mapped, over mappings that touch each other", () => {
    map(0x1000n, 0x8000n, 0x1000n);
    map(0x2000n, 0x20000n, 0x1000n);
    expect(host.dma(0x18, 0x1ffcn, 8, true)).toBe(0x8ffcn);
    expect(stored).toEqual([]);
  });
  it("without a mapping is refused at the first byte that has none, and recorded: DMA_UNRECOV, PTE_FETCH, address valid", () => {
    map(0x1000n, 0x8000n, 0x1000n);
    expect(host.dma(0x18, 0x1ffcn, 8, true)).toBeNull();
    expect(stored).toEqual([
      "1000: " + ["01000000", "00000000", "05000000", "02000000", "00000000", "02000000", "0020000000000000"].join(""),
      "10: 01000000",
      "signal 77",
    ]);
  });
  it("without the right is refused: PERMISSION, and the right that was wanted", () => {
    map(0x1000n, 0x8000n, 0x1000n, WRITE);
    expect([host.dma(0x18, 0x1000n, 4, true), host.dma(0x18, 0x1000n, 4, false)]).toEqual([0x8000n, null]);
    expect(stored[0]).toContain(["06000000", "02000000", "00000000", "01000000", "0010000000000000"].join(""));
  });
  it("is refused in ABORT, whatever is mapped, and goes on after BYPASS", () => {
    map(0x1000n, 0x8000n, 0x1000n);
    stage1(ABORT);
    expect(host.dma(0x18, 0x1000n, 4, false)).toBeNull();
    stage1(BYPASS);
    expect(host.dma(0x18, 0x1000n, 4, false)).toBe(0x8000n);
  });
  it("of a function that the VMM has not opened goes nowhere", () => {
    expect(host.dma(0x10, 0x1000n, 4, false)).toBeNull();
  });
  it("an overlap is EEXIST, UNMAP takes whole mappings, a command of nobody is ENOTTY", () => {
    expect([map(0x1000n, 0x8000n, 0x2000n), map(0x2000n, 0n, 0x2000n)]).toEqual([0, -EEXIST]);
    expect(call(container, UNMAP_DMA, words(24, 0, 0n, 0x10000n))).toBe(0);
    expect(host.dma(0x18, 0x1000n, 4, false)).toBeNull();
    expect(call(container, 0x3bff, new Uint8Array(4))).toBe(-ENOTTY);
  });
});
