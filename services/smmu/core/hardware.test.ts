import { CMD_RESUME } from "@faultline/shared/arm-smmu-v3/command.ts";
import { type RegisterName, registers } from "@faultline/shared/arm-smmu-v3/registers.ts";
import { numberOf, uint64Bytes } from "@faultline/shared/codec/uint64.ts";
import { addressMap, ecamAddress } from "@faultline/shared/machine/address-map.ts";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { describe, expect, it } from "vitest";
import { at, GPA, guestFrame, NestedRig, SID } from "../../../test/support/smmu-rig.ts";
import { Hardware } from "./hardware.ts";

/** The nested rig's memory, behind a whole machine whose registers are programmed over the edge. */
function machine() {
  const rig = new NestedRig();
  const { memory, host, trace } = rig;
  const none = () => {
    throw new Error("no engine");
  };
  const hardware = new Hardware(defaultMachine, {
    memory,
    host,
    tracer: trace,
    timer: () => ({ cancel() {} }),
    held: () => false,
    now: () => 0,
    engine: { sha256: none, gzip: none },
  });
  let seq = 0;
  const reply = () => host.replies.at(-1)!;
  const read = (address: number, size: number) => {
    hardware.deliver(++seq, { kind: "mmioRead", address, size });
    const { body } = reply();
    return body.kind === "mmioReadResult" ? numberOf(body.value) : -1;
  };
  const write = (name: RegisterName, value: number) =>
    hardware.deliver(++seq, {
      kind: "mmioWrite",
      address: addressMap.smmuRegisters.base + registers[name].offset,
      value: uint64Bytes(value).subarray(0, registers[name].sizeBytes),
    });
  for (const [name, value] of [
    ["STRTAB_BASE", at.streamTable],
    ["STRTAB_BASE_CFG", 6],
    ["EVENTQ_BASE", at.eventq + 3],
    ["IRQ_CTRL", 7],
    ["CR0", 0x1f],
  ] as const)
    write(name, value);
  return { rig, hardware, host, read, write, reply, deliver: (body: Parameters<Hardware["deliver"]>[1]) => hardware.deliver(++seq, body) };
}

describe("address decode of the root complex (interfaces.md, section 4)", () => {
  it("reads SMMU registers of 4 and 8 bytes on both pages", () => {
    const { read, write } = machine();
    write("EVENTQ_CONS", 1);
    expect(read(addressMap.smmuRegisters.base + 0x100ac, 4)).toBe(1);
    expect(read(addressMap.smmuRegisters.base + 0x80, 8)).toBe(at.streamTable);
  });
  it("a configuration read finds the function, and all ones where there is none", () => {
    const { read } = machine();
    expect(read(ecamAddress(SID, 0), 4)).toBe(0x5a01_1234);
    expect(read(ecamAddress(0x10, 0), 4)).toBe(0xffff_ffff);
  });
  it("a BAR decodes where configuration space puts it, once memory space is enabled", () => {
    const { read, deliver, reply } = machine();
    const config = (offset: number, value: number, size: number) =>
      deliver({ kind: "configWrite", address: ecamAddress(SID, offset), value: uint64Bytes(value).subarray(0, size) });
    config(0x10, 0x1001_0000, 4);
    expect(reply().body).toEqual({ kind: "configWriteDone" });
    expect(read(0x1001_0000, 4)).toBe(0xffff_ffff);
    config(0x04, 6, 2);
    expect(read(0x1001_0000, 4)).toBe(0x0001_5a01);
  });
  it("nothing answers elsewhere: all ones", () => expect(machine().read(0x2000_0000, 4)).toBe(0xffff_ffff));
  it("power on clears registers and caches and answers", () => {
    const { read, deliver, reply } = machine();
    deliver({ kind: "power", action: "reset" });
    expect(reply().body).toEqual({ kind: "powerDone" });
    expect(read(addressMap.smmuRegisters.base + 0x20, 4)).toBe(0);
  });
});

describe("DMA of a function", () => {
  it("splits at 4 KiB of the input address; each part goes to its own frame, with its owner epochs in the trace", () => {
    const { rig, hardware } = machine();
    rig.memory.setOwner(guestFrame(GPA + 0x4000), "guest", 77);
    rig.nested({ S1DSS: 1 });
    expect(hardware.dma({ sid: SID, write: true, iova: BigInt(GPA + 0x3ffe), length: 4, data: Uint8Array.of(1, 2, 3, 4) })).toEqual({ ok: true });
    expect(Array.from(rig.memory.read(guestFrame(GPA + 0x3ffe), 2)!)).toEqual([1, 2]);
    expect(hardware.dma({ sid: SID, write: false, iova: BigInt(GPA + 0x4000), length: 2 })).toEqual({ ok: true, data: Uint8Array.of(3, 4) });
    expect(rig.trace.of("dma.access").at(-1)).toMatchObject({ ids: { sid: "0x8", iova: "0x80004000" }, fields: { write: false, length: 2, guestEpoch: 77 } });
  });
  it("an MSI-X write is translated like any DMA; at GITS_TRANSLATER it becomes an interrupt with the requester's DeviceID", () => {
    const { rig, hardware, host } = machine();
    const doorbellVa = 0x1234_5000;
    rig.cd(0, { TTB0: rig.stage1.root / 16 });
    rig.stage1.map(doorbellVa, addressMap.guestDoorbell.base, 4096, { read: false, write: true, device: true });
    rig.stage2.map(addressMap.guestDoorbell.base, addressMap.gitsPage.base, 4096, { read: true, write: true, device: true });
    const write = () => hardware.dma({ sid: SID, write: true, iova: BigInt(doorbellVa + 0x40), length: 4, data: Uint8Array.of(0x21, 0, 0, 0) });
    expect(write()).toEqual({ ok: true });
    expect(host.sent).toMatchObject([{ kind: "interrupt", source: "MSI", deviceId: SID, eventId: 0x21 }]);
  });
  it("an MSI-X write without a doorbell in stage 2 is an abort with an event", () => {
    const { rig, hardware, host } = machine();
    rig.nested({ S1DSS: 1 });
    expect(hardware.dma({ sid: SID, write: true, iova: 0x0808_0040n, length: 4, data: new Uint8Array(4) })).toEqual({ ok: false });
    expect(host.interrupts()).toEqual(["EVENTQ"]);
  });
  it("a DMA that stalls is neither done nor refused, and CMD_RESUME completes it (Arm IHI 0070 G.b, 3.12.2)", () => {
    const { rig, hardware, write } = machine();
    rig.nested({ EATS: 0 });
    rig.cd(rig.ssid, { TTB0: rig.stage1.root / 16, S: 1 });
    const va = 0x1234_5000;
    const dma = hardware.dma({ sid: SID, ssid: rig.ssid, write: true, iova: BigInt(va), length: 2, data: Uint8Array.of(7, 8) });
    expect(dma).toEqual({ ok: false, stalled: { status: "stalled", ended: null } });
    const read = hardware.dma({ sid: SID, ssid: rig.ssid, write: false, iova: 0n, length: 2 });
    expect(read).toEqual({ ok: false, stalled: { status: "stalled", ended: null } });
    const gpa = rig.map(va);
    rig.memory.write(at.cmdq, CMD_RESUME.encode({ Opcode: 0x44, StreamID: SID, STAG: 0, Ac: 1 }));
    write("CR0", 0x17); // CMDQEN = 0: the queue can be set up
    write("CMDQ_BASE", at.cmdq);
    write("CR0", 0x1f);
    write("CMDQ_PROD", 1);
    while (hardware.step());
    expect(dma).toEqual({ ok: false, stalled: { status: "stalled", ended: { status: "SC" } } });
    expect(rig.memory.read(guestFrame(gpa), 2)).toEqual(Uint8Array.of(7, 8));
  });
});
