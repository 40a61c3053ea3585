import { guestCpuMemory, vmmCpuMemory } from "@faultline/shared/physical-memory/translated.ts";
import { beforeEach, describe, expect, it } from "vitest";
import { hexOf } from "../../../test/support/fake-smmu.ts";
import { turns } from "../../../test/support/task-execution.ts";
import { bootHost, GPA, openDevice as openDeviceOf, pageRequest, RAM, tableConfig, words } from "../test-support/host-bench.ts";

type Bench = Awaited<ReturnType<typeof bootHost>>;
let smmu: Bench["smmu"];
let host: Bench["host"];
let vmm: Bench["vmm"];
let memory: Bench["memory"];
let roots: Bench["roots"];

async function boot(switches: string[] = []): Promise<void> {
  ({ smmu, host, vmm, memory, roots } = await bootHost(switches));
}
const openDevice = () => openDeviceOf(vmm);

describe("boot (host-driver.md, sections 1 and 2)", () => {
  beforeEach(() => boot());

  it("writes the reset sequence in the driver's order", () => {
    const order = smmu.log.map((line) => line.replace(/=0x4[0-9a-f]{15}$/, "=BASE"));
    expect(order).toEqual([
      "CR0=0x0",
      "CR1=0xd75",
      "CR2=0x6",
      "STRTAB_BASE=BASE",
      "STRTAB_BASE_CFG=0x10210",
      "CMDQ_BASE=BASE",
      "CMDQ_PROD=0x0",
      "CMDQ_CONS=0x0",
      "CR0=0x8",
      "CMDQ_PROD=0x2",
      "CMDQ_PROD=0x4",
      "EVENTQ_BASE=BASE",
      "EVENTQ_PROD=0x0",
      "EVENTQ_CONS=0x0",
      "CR0=0xc",
      "PRIQ_BASE=BASE",
      "PRIQ_PROD=0x0",
      "PRIQ_CONS=0x0",
      "CR0=0xe",
      "CR0=0x1e",
      "IRQ_CTRL=0x0",
      "GERROR_IRQ_CFG0=0x0",
      "EVENTQ_IRQ_CFG0=0x0",
      "PRIQ_IRQ_CFG0=0x0",
      "GERROR_IRQ_CFG0=0x8080040",
      "GERROR_IRQ_CFG1=0x1",
      "GERROR_IRQ_CFG2=0x1",
      "EVENTQ_IRQ_CFG0=0x8080040",
      "EVENTQ_IRQ_CFG1=0x0",
      "EVENTQ_IRQ_CFG2=0x1",
      "PRIQ_IRQ_CFG0=0x8080040",
      "PRIQ_IRQ_CFG1=0x2",
      "PRIQ_IRQ_CFG2=0x1",
      "IRQ_CTRL=0x7",
      "CR0=0x1f",
    ]);
  });

  it("invalidates all configuration and then all TLB entries, each with a CMD_SYNC that completes in its own slot", () => {
    expect(smmu.commands.map((command) => command.slice(0, 2))).toEqual(["04", "46", "30", "46"]);
    expect(smmu.commands[0]).toBe("04000000000000001f00000000000000");
    expect(smmu.commands[1].slice(0, 8)).toBe("4610c00f");
  });

  it("assigns BAR0 in the window, turns memory space on, and enables PASID but not ATS", () => {
    expect(hexOf(smmu.config.slice(0x10, 0x18))).toBe("0400001000000000");
    expect(smmu.config[4] & 6).toBe(2);
    expect(smmu.config[0x126] & 1).toBe(1);
    expect(smmu.config[0x10f] & 0x80).toBe(0);
  });
});

describe("VM set-up (flow.md S1, S3; vfio-uapi.md)", () => {
  beforeEach(() => boot());

  it("gives the VMM memory that its CPU reaches through TTBR0, and the guest through KVM's stage 2", async () => {
    const hva = (await vmm.call({ kind: "mmap", fd: -1, offset: 0, length: RAM }, "mmapResult")).hva;
    const kvm = await vmm.open("/dev/kvm");
    const vm = (await vmm.ioctl(kvm, 0xae01)).ret;
    expect((await vmm.ioctl(vm, 0x4020ae46, words(0, 0, GPA, BigInt(RAM), BigInt(hva)))).ret).toBe(0);
    vmmCpuMemory(memory, roots, 0).write(hva + 0x1ffe, new Uint8Array([1, 2, 3, 4]));
    const guest = guestCpuMemory(memory, roots, 0, [{ gpa: Number(GPA), size: RAM }]);
    expect(guest.read(Number(GPA) + 0x1ffe, 4)).toEqual(new Uint8Array([1, 2, 3, 4]));
    expect(guest.read(Number(GPA) + RAM - 2, 4)).toBeNull();
    const first = roots.get(0);
    expect(first.vtcr & 0x3f).toBe(25);
  });

  it("answers KVM_CREATE_VM with -ENOMEM when no frame is left, and keeps no fd of it", async () => {
    const kvm = await vmm.open("/dev/kvm");
    const taken: number[] = [];
    for (let frame = host.frames.alloc(); frame !== null; frame = host.frames.alloc()) taken.push(frame);
    expect((await vmm.ioctl(kvm, 0xae01)).ret).toBe(-12);
    expect(host.counts().fds).toBe(1);
    host.frames.free(taken[0]!);
    expect((await vmm.ioctl(kvm, 0xae01)).ret).toBe(kvm + 1);
  });

  it("attaches a stage-2 STE, enables ATS after the ATC was emptied, and PRI with the function's capacity", async () => {
    await openDevice();
    expect(hexOf(smmu.config.slice(0x10e, 0x110))).toBe("0080");
    expect(smmu.config[0x114] & 1).toBe(1);
    expect(smmu.config[0x11c]).toBe(32);
    expect(host.counts().pinned).toBe(256);
  });

  it("installs a nested STE from SET_PASID_TABLE in two stores, and refuses table to table", async () => {
    const { container } = await openDevice();
    const before = smmu.commands.length;
    expect((await vmm.ioctl(container, 0x3b76, tableConfig(1, 10))).ret).toBe(0);
    const opcodes = smmu.commands.slice(before).map((command) => command.slice(0, 2));
    expect(opcodes).toEqual(["03", "46", "03", "46", "28", "46", "40", "46"]);
    expect((await vmm.ioctl(container, 0x3b76, tableConfig(1, 10))).ret).toBe(-22);
    expect((await vmm.ioctl(container, 0x3b76, tableConfig(3, 0))).ret).toBe(0);
    expect((await vmm.ioctl(container, 0x3b76, tableConfig(1, 10))).ret).toBe(0);
  });

  it("shows both fault regions and the DMA-fault IRQ by their capabilities", async () => {
    const { device } = await openDevice();
    const region = new Uint8Array(92);
    region.set(words(92, 0, 9));
    const info = (await vmm.ioctl(device, 0x3b6c, region)).arg;
    expect(hexOf(info.slice(0, 60))).toBe(
      "5c0000000f0000000900000020000000" + "0090000000000000" + "0000000000090000" + "02000100300000000400000001000000" + "060001003c00000001000000",
    );
    const irq = (await vmm.ioctl(device, 0x3b6d, new Uint8Array([...words(36, 0, 5, 0, 0), ...new Uint8Array(16)]))).arg;
    expect(hexOf(irq)).toBe("2400000011000000050000000100000014000000" + "03000100000000000100000001000000");
  });

  it("hides the PASID capability and shows its own BARs in configuration space", async () => {
    const { device } = await openDevice();
    const read = async (offset: number) => hexOf((await vmm.call({ kind: "pread", fd: device, offset: 7 * 2 ** 40 + offset, length: 4 }, "preadResult")).data);
    expect(await read(0x110)).toBe("13000100");
    expect(await read(0x120)).toBe("00000000");
    await vmm.call({ kind: "pwrite", fd: device, offset: 7 * 2 ** 40 + 0x10, data: words(0xffffffff) }, "pwriteResult");
    expect(await read(0x10)).toBe("0400ffff");
  });
});

describe("a page request's way through the host (flow.md d, e, g, h)", () => {
  it("stores the record, signals the eventfd, and turns the response into CMD_PRI_RESP without a SYNC", async () => {
    await boot();
    const { device, eventfd } = await openDevice();
    host.fromSmmu(1, smmu.pageRequest(pageRequest()));
    await turns(20);
    expect(vmm.signals).toEqual([eventfd]);
    const record = vmm.posted.find((write) => write.data.length === 64);
    expect(record?.address).toBe(device * 2 ** 40 + 9 * 2 ** 32 + 4096);
    // type 2; PASID_VALID | LAST_PAGE | NEEDS_PASID; PASID 5; group 3; WRITE; 0x7f0000001000
    expect(hexOf(record?.data.slice(0, 32) ?? new Uint8Array(0))).toBe("0200000000000000" + "0b000000" + "05000000" + "03000000" + "02000000" + "001000" + "00007f0000");
    expect(smmu.log.at(-1)).toBe("PRIQ_CONS=0x1");

    vmm.attachment?.applyWrite(device * 2 ** 40 + 10 * 2 ** 32 + 4096, words(24, 1, 1, 5, 3, 0));
    expect((await vmm.call({ kind: "pwrite", fd: device, offset: 10 * 2 ** 40, data: words(1) }, "pwriteResult")).ret).toBe(4);
    await turns(20);
    expect(smmu.commands.at(-1)).toBe("4158000008000000" + "0320000000000000");
    expect(host.counts().pending).toBe(0);
  });

  it("an event of stage 1 is reported; one of stage 2 stays in the host's log (IC-902, IC-1209)", async () => {
    await boot();
    const { eventfd } = await openDevice();
    // F_TRANSLATION of 00:01.0, SSID 5, read of 0x7f0000001000; with S2 = 1 (bit 103) or without.
    const event = (s2: boolean): Uint8Array =>
      new Uint8Array([0x10, 0x58, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, s2 ? 0x88 : 0x08, 0, 0, 0, 0, 0x10, 0, 0, 0, 0x7f, 0, 0, ...new Uint8Array(8)]);
    host.fromSmmu(1, smmu.eventRecord(event(true)));
    await turns(20);
    expect(vmm.signals).toEqual([]);
    host.fromSmmu(2, smmu.eventRecord(event(false)));
    await turns(20);
    expect(vmm.signals).toEqual([eventfd]);
  });

  it("answers Response Failure itself when nobody handles the request", async () => {
    await boot();
    host.fromSmmu(1, smmu.pageRequest(pageRequest()));
    await turns(20);
    expect(smmu.commands.at(-1)).toBe("4158000008000000" + "0300000000000000");
  });

  it("drops a stop marker with a PASID and reports the same bits without one", async () => {
    await boot();
    await openDevice();
    host.fromSmmu(1, smmu.pageRequest(pageRequest(5, 0xc0)));
    await turns(20);
    expect(vmm.signals).toEqual([]);
    host.fromSmmu(2, smmu.pageRequest(pageRequest(0, 0x40)));
    await turns(20);
    expect(vmm.signals.length).toBe(1);
  });

  it("closes the groups of a function that is reset, and keeps its configuration", async () => {
    await boot();
    const { device } = await openDevice();
    host.fromSmmu(1, smmu.pageRequest(pageRequest()));
    await turns(20);
    expect(host.counts().pending).toBe(1);
    const opened = smmu.flrCount; // the one at open
    expect((await vmm.ioctl(device, 0x3b6f)).ret).toBe(0);
    expect(smmu.flrCount - opened).toBe(1);
    expect(host.counts().pending).toBe(0);
    expect([smmu.config[0x10f] & 0x80, smmu.config[0x114] & 1, smmu.config[0x126] & 1]).toEqual([0x80, 1, 1]);
    expect(hexOf(smmu.config.slice(0x10, 0x14))).toBe("04000010");
  });
});

describe("CACHE_INVALIDATE (vfio-uapi.md 4.2)", () => {
  const request = (cache: number, granularity: number, ...granu: (number | bigint)[]): Uint8Array =>
    new Uint8Array([...words(64, 0, 56, 1), cache, granularity, 0, 0, 0, 0, 0, 0, ...words(...granu), ...new Uint8Array(40)].slice(0, 64));

  it.each([
    ["PASID 5", request(4, 1, 1, 0, 5n), 0, ["0550000008000000" + "0000000000000000"]],
    ["all PASIDs", request(4, 0), 0, ["0600000008000000" + "0000000000000000"]],
    ["ASID 7", request(1, 1, 2, 7, 0n), 0, ["1100000001000700" + "0000000000000000", "4000000008000000" + "3400000000000000"]],
    ["one page of ASID 7, leaf", request(1, 2, 6, 7, 0n, 0x12345000n, 4096n, 1n), 0, ["1200000001000700" + "0157341200000000", "4000000008000000" + "0050341200000000"]],
    ["the domain", request(1, 0), 0, ["1000000001000000" + "0000000000000000", "4000000008000000" + "3400000000000000"]],
    ["a device IOTLB", request(2, 1, 2, 7, 0n), -2, []],
    ["IOTLB of a PASID without ASID", request(1, 1, 1, 0, 5n), -22, []],
    ["a granularity that does not exist", request(1, 3), -22, []],
    ["PASID cache by address", request(4, 2, 2, 7, 0n), -22, []],
    ["a granule that is no power of two", request(1, 2, 2, 7, 0n, 0n, 12288n, 1n), -22, []],
  ])("%s", async (_name, arg, ret, commands) => {
    await boot();
    const { container } = await openDevice();
    const before = smmu.commands.length;
    expect((await vmm.ioctl(container, 0x3b77, arg)).ret).toBe(ret);
    expect(smmu.commands.slice(before).filter((command) => !command.startsWith("46"))).toEqual(commands);
  });
});

describe("errors of the set-up calls", () => {
  it.each([
    ["MAP_DMA without READ and WRITE", 0x3b71, words(32, 0, 0x7f0000000000n, GPA, 4096n), -22],
    ["MAP_DMA of nothing", 0x3b71, words(32, 3, 0x7f0000000000n, GPA, 0n), -22],
    ["MAP_DMA unaligned", 0x3b71, words(32, 3, 0x7f0000000100n, GPA, 4096n), -22],
    ["MAP_DMA that wraps", 0x3b71, words(32, 3, 0x7f0000000000n, -4096n, 8192n), -22],
    ["MAP_DMA of what is mapped", 0x3b71, words(32, 3, 0x7f0000000000n, GPA, 4096n), -17],
    ["MAP_DMA of memory that is not there", 0x3b71, words(32, 3, 0x1000n, 0x90000000n, 4096n), -14],
    ["MAP_DMA with a short argsz", 0x3b71, words(24, 3, 0x7f0000000000n, 0x90000000n, 4096n), -22],
    ["MAP_DMA with a short argument", 0x3b71, words(32, 3), -14],
    ["UNMAP_DMA of part of a mapping", 0x3b72, words(24, 0, GPA, 4096n), -22],
    ["UNMAP_DMA of nothing", 0x3b72, words(24, 0, 0x90000000n, 4096n), 0],
    ["SET_IOMMU twice", 0x3b66, words(6), -22],
    ["SET_PASID_TABLE with both flags", 0x3b76, words(40, 3), -22],
    ["an unknown command", 0x3bff, words(8, 0), -25],
    ["BIND_MSI larger than the granule", 0x3b78, words(32, 1, 0x1000n, 0x8080000n, 65536n), -22],
    ["BIND_MSI", 0x3b78, words(32, 1, 0x1000n, 0x8080000n, 4096n), 0],
  ])("%s", async (_name, cmd, arg, ret) => {
    await boot();
    const { container } = await openDevice();
    expect((await vmm.ioctl(container, cmd, arg)).ret).toBe(ret);
  });
});

describe("file descriptors of a VMM (RLIMIT_NOFILE)", () => {
  it("are the lowest that are free, up to 1023; then -EMFILE, until one is closed", async () => {
    await boot();
    const fds: number[] = [];
    for (let fd = await vmm.open("eventfd"); fd >= 0; fd = await vmm.open("eventfd")) fds.push(fd);
    expect([fds[0], fds.length, fds.at(-1)]).toEqual([3, 1021, 1023]);
    expect(await vmm.open("/dev/vfio/vfio")).toBe(-24);
    expect((await vmm.call({ kind: "close", fd: 40 }, "closeResult")).ret).toBe(0);
    expect(await vmm.open("eventfd")).toBe(40);
  });
  it("of a device may be beyond 31: its fault records and responses name it", async () => {
    await boot();
    for (let i = 0; i < 200; i++) await vmm.open("eventfd");
    const { container, device } = await openDevice();
    expect(device).toBeGreaterThan(200);
    await vmm.ioctl(container, 0x3b76, tableConfig(1, 10));
    host.fromSmmu(1, smmu.pageRequest(pageRequest()));
    await turns(20);
    expect(vmm.posted.find((write) => write.data.length === 64)?.address).toBe(device * 2 ** 40 + 9 * 2 ** 32 + 4096);
    vmm.attachment?.applyWrite(device * 2 ** 40 + 10 * 2 ** 32 + 4096, words(24, 1, 1, 5, 3, 0));
    await vmm.call({ kind: "pwrite", fd: device, offset: 10 * 2 ** 40, data: words(1) }, "pwriteResult");
    await turns(20);
    expect(smmu.commands.at(-1)).toBe("4158000008000000" + "0320000000000000");
  });
});

describe("page requests that are not the last of their group (flow.md, d)", () => {
  /** Group 3, PASID 5, write, SSV; Last (bit 62, 8.1) is 0. */
  const notLast = pageRequest(5, 0xa0);
  it("are reported with the last one, in order of arrival", async () => {
    await boot();
    const { container } = await openDevice();
    await vmm.ioctl(container, 0x3b76, tableConfig(1, 10));
    host.fromSmmu(1, smmu.pageRequest(notLast));
    await turns(20);
    expect(vmm.posted.filter((write) => write.data.length === 64)).toEqual([]);
    host.fromSmmu(2, smmu.pageRequest(pageRequest()));
    await turns(20);
    expect(vmm.posted.filter((write) => write.data.length === 64).map((write) => write.data[8] & 2)).toEqual([0, 2]); // LAST_PAGE
  });
  it("are gone when their PASID is invalidated: it may be another's when the index comes again (IC-1105)", async () => {
    await boot();
    const { container } = await openDevice();
    await vmm.ioctl(container, 0x3b76, tableConfig(1, 10));
    host.fromSmmu(1, smmu.pageRequest(notLast));
    await turns(20);
    const invalidatePasid = new Uint8Array([...words(64, 0, 56, 1), 4, 1, 0, 0, 0, 0, 0, 0, ...words(1, 0), ...words(5n), ...new Uint8Array(24)]);
    expect((await vmm.ioctl(container, 0x3b77, invalidatePasid)).ret).toBe(0);
    host.fromSmmu(2, smmu.pageRequest(pageRequest()));
    await turns(20);
    expect(vmm.posted.filter((write) => write.data.length === 64)).toHaveLength(1);
  });
});

describe("UNMAP_DMA", () => {
  for (const [early, switches] of [
    [false, []],
    [true, ["M-invalidate-before-unpin"]],
  ] as const) {
    it(`${early ? "with M-invalidate-before-unpin unpins before" : "unpins after"} the TLB and the ATC have been invalidated`, async () => {
      await boot([...switches]);
      const { container } = await openDevice();
      smmu.completesSync = false;
      const unmapping = vmm.ioctl(container, 0x3b72, words(24, 0, GPA, BigInt(RAM)));
      await turns(5);
      expect(host.counts().pinned).toBe(early ? 0 : 256);
      smmu.completesSync = true;
      await unmapping;
      expect(host.counts().pinned).toBe(0);
    });
  }
});

describe("MSI-X of an assigned function", () => {
  it("programs the guest's doorbell IOVA into the function and signals the vector's eventfd", async () => {
    await boot();
    const { container, device } = await openDevice();
    await vmm.ioctl(container, 0x3b76, tableConfig(1, 10));
    await vmm.ioctl(container, 0x3b78, words(32, 1, 0xfff00000n, 0x8080000n, 4096n));
    const eventfd = await vmm.open("eventfd");
    expect((await vmm.ioctl(device, 0x3b6e, words(24, 0x24, 2, 3, 1, eventfd))).ret).toBe(0);
    const entry = smmu.barWrites
      .filter(({ address }) => address >= 0x10008030 && address < 0x10008040)
      .map(({ address, value }) => `${(address & 0xf).toString(16)}:${hexOf(value)}`);
    expect(entry).toEqual(["c:01000000", "0:4000f0ff", "4:00000000", "8:03000000", "c:00000000"]);
    host.fromSmmu(9, smmu.interrupt("MSI", 8, 3));
    expect(vmm.signals).toEqual([eventfd]);
    smmu.barWrites.length = 0;
    await vmm.ioctl(device, 0x3b6f);
    expect(smmu.barWrites.at(-1)).toEqual({ address: 0x1000803c, value: new Uint8Array(4) });
    expect(smmu.config[0x63] & 0x80).toBe(0x80);
  });
});

describe("surprise removal (PCIe 6.7.3; spec/vfio-uapi.md, section 5: index 4, REQ)", () => {
  it("the slot's event signals the device's REQ eventfd, once; ERR is accepted and never signalled", async () => {
    await boot();
    const { device } = await openDevice();
    const [error, request] = [await vmm.open("eventfd"), await vmm.open("eventfd")];
    expect((await vmm.ioctl(device, 0x3b6e, words(24, 0x24, 3, 0, 1, error))).ret).toBe(0);
    expect((await vmm.ioctl(device, 0x3b6e, words(24, 0x24, 4, 0, 1, request))).ret).toBe(0);
    host.fromSmmu(9, smmu.interrupt("SLOT", 0x10, 0)); // another device
    await turns(20);
    expect(vmm.signals).toEqual([]);
    host.fromSmmu(10, smmu.interrupt("SLOT", 9, 0)); // function 1 of the device at 00:01
    await turns(20);
    expect(vmm.signals).toEqual([request]);
    host.fromSmmu(11, smmu.interrupt("SLOT", 8, 0)); // it is plugged in again
    await turns(20);
    expect(vmm.signals).toEqual([request]);
  });
  it("without an eventfd nobody is told; a removed eventfd is none (fd -1)", async () => {
    await boot();
    const { device } = await openDevice();
    const request = await vmm.open("eventfd");
    await vmm.ioctl(device, 0x3b6e, words(24, 0x24, 4, 0, 1, request));
    expect((await vmm.ioctl(device, 0x3b6e, words(24, 0x24, 4, 0, 1, 0xffffffff))).ret).toBe(0);
    expect((await vmm.ioctl(device, 0x3b6e, words(20, 0x21, 4, 0, 1))).ret).toBe(-22); // DATA_NONE without an eventfd
    host.fromSmmu(9, smmu.interrupt("SLOT", 8, 0));
    await turns(20);
    expect(vmm.signals).toEqual([]);
  });
});

describe("the death of a VMM (design.md, section 2)", () => {
  it("releases everything, with a page request still waiting", async () => {
    await boot();
    const { container } = await openDevice();
    await vmm.ioctl(container, 0x3b76, tableConfig(1, 10));
    host.fromSmmu(1, smmu.pageRequest(pageRequest()));
    await turns(20);
    await vmm.attachment?.closed();
    expect(host.counts()).toEqual({ processes: 0, fds: 0, pinned: 0, vmids: 0, handlers: 0, pending: 0, partial: 0, framesAboveBoot: 0, locks: 0 });
    expect(smmu.config[4] & 4).toBe(0);
    expect(roots.get(0)).toEqual({ ttbr0: 0, vttbr: 0, vtcr: 0 });
  });
});

describe("the command queue", () => {
  it("gives up on a CMD_SYNC after one second and carries on", async () => {
    await boot();
    const { container } = await openDevice();
    smmu.completesSync = false;
    expect((await vmm.ioctl(container, 0x3b77, new Uint8Array([...words(64, 0, 56, 1), 1, 0, 0, 0, 0, 0, 0, 0, ...new Uint8Array(40)]))).ret).toBe(-110);
  });
});
