import { describe, expect, it } from "vitest";
import { acceleratorRig } from "../../test-support/fake-upstream.ts";

const DEVCTL = 0x48,
  DEVSTA = 0x4a;
const [UNCOR, UNCOR_MASK, SEVERITY, COR, COR_MASK, CONTROL, HEADER, PREFIX] = [0x134, 0x138, 0x13c, 0x140, 0x144, 0x148, 0x14c, 0x168];
const UR = 0x10_0000,
  ANFE = 0x2000;
const URD = 8,
  FED = 4,
  NFED = 2,
  CED = 1;
const BAR = 0x1001_0000;

/** An accelerator with BAR 0 at 0x1001_0000 that does not decode, and ATS off. */
function rig() {
  const { fn, tracer } = acceleratorRig();
  fn.configWrite(0x10, 4, BAR);
  return {
    fn,
    get: (offset: number, size = 4) => fn.configRead(offset, size),
    set: (offset: number, value: number, size = 4) => fn.configWrite(offset, size, value),
    read: () => fn.memoryRequestRefused({ write: false, address: BAR + 0x10c, bytes: 4 }),
    write: () => fn.memoryRequestRefused({ write: true, address: BAR + 0x21, bytes: 2 }),
    invalidate: (pasid: number | null = null) => fn.invalidateRequest({ pasid, global: false, address: 0n, sizeBytes: 4096n, itag: 9 }),
    log: () => Array.from({ length: 4 }, (_, i) => fn.configRead(HEADER + 4 * i, 4)),
    messages: () => tracer.of("endpoint.error").map(({ fields }) => fields.message),
  };
}

describe("a function that receives a request it does not support (PCIe 6.2.3.1, table 6-5)", () => {
  it("posted (a write, an Invalidate Request with ATS disabled): non-fatal, with the header in the log (7.8.4.8, 2.2.7, 10.3.1)", () => {
    const written = rig();
    written.write();
    expect([written.get(DEVSTA, 2), written.get(UNCOR), written.get(COR), written.get(CONTROL)]).toEqual([URD | NFED, UR, 0, 20]);
    expect(written.log()).toEqual([0x4000_0001, 0x0000_0006, BAR + 0x20, 0]); // MWr, one DW, bytes 1 and 2
    const invalidated = rig();
    expect(invalidated.invalidate()).toBe("UR");
    expect([invalidated.get(DEVSTA, 2), invalidated.get(UNCOR), invalidated.log()]).toEqual([URD | NFED, UR, [0x7200_0002, 0x0000_0901, 0x0008_0000, 0]]);
  });
  it("a PASID prefix is logged too, and TLP Prefix Log Present says so (7.8.4.7, 7.8.4.12)", () => {
    const { invalidate, get } = rig();
    invalidate(0xabcde);
    expect([get(CONTROL), get(PREFIX)]).toEqual([20 | 0x800, 0x910a_bcde]);
  });
  it("non-posted (a read): advisory, because its requester gets the UR; masked by default, so that only Device Status and the Advisory bit are set (6.2.3.2.4.1)", () => {
    const { fn, read, get, set, log } = rig();
    read();
    expect([get(DEVSTA, 2), get(COR), get(UNCOR), get(CONTROL)]).toEqual([URD | CED, ANFE, 0, 0]);
    set(COR_MASK, 0);
    read();
    expect(fn.config.detectedErrors).toEqual(["unsupportedRequest", "advisoryNonFatal"]);
    expect([get(UNCOR), get(CONTROL), log()]).toEqual([UR, 20, [0x0000_0001, 0x0000_000f, BAR + 0x10c, 0]]);
  });
  it("with severity fatal it is fatal, read or write (6.2.3.2.4)", () => {
    for (const access of ["read", "write"] as const) {
      const machine = rig();
      machine.set(SEVERITY, UR);
      machine[access]();
      expect([machine.get(DEVSTA, 2), machine.get(UNCOR), machine.get(COR)]).toEqual([URD | FED, UR, 0]);
    }
  });
  it("masked: the status bit is set, the log is not (6.2.3.2.2)", () => {
    const { write, get, set, log } = rig();
    set(UNCOR_MASK, UR);
    write();
    expect([get(UNCOR), get(CONTROL), log(), get(DEVSTA, 2)]).toEqual([UR, 0, [0, 0, 0, 0], URD | NFED]);
  });
  it("is none where the function decodes, where its BAR is not, or where it is not there", () => {
    const { fn, get, set, invalidate } = rig();
    expect(fn.memoryRequestRefused({ write: true, address: BAR + 0x1_0000, bytes: 4 })).toBe(false);
    expect(acceleratorRig().fn.memoryRequestRefused({ write: true, address: 0, bytes: 4 })).toBe(false); // no BAR was set
    set(0x116, 0x8000, 2);
    expect([invalidate(), get(DEVSTA, 2), get(UNCOR)]).toEqual(["accepted", 0, 0]);
    fn.link("down");
    expect([fn.memoryRequestRefused({ write: true, address: BAR, bytes: 4 }), invalidate()]).toEqual([false, "UR"]);
    fn.link("up");
    expect([get(DEVSTA, 2), get(UNCOR)]).toEqual([0, 0]);
  });
});

describe("AER registers (PCIe 7.8.4)", () => {
  it("the first error keeps the log until its status bit is cleared; status and Device Status are RW1C (6.2.4.2)", () => {
    const { write, invalidate, get, set, log } = rig();
    write();
    const first = log();
    invalidate(5);
    expect([log(), get(CONTROL)]).toEqual([first, 20]);
    set(UNCOR, UR);
    set(DEVSTA, 0xf, 2);
    expect([get(UNCOR), get(DEVSTA, 2)]).toEqual([0, 0]);
    invalidate(5);
    expect([log()[0], get(CONTROL)]).toEqual([0x7200_0002, 0x814]);
  });
  it("an FLR leaves AER as it is (sticky, 6.6.2) and clears Device Status; a function that was without power has neither", () => {
    const { fn, write, get, set } = rig();
    set(SEVERITY, UR);
    write();
    set(DEVCTL, 0x8000, 2);
    expect([get(UNCOR), get(SEVERITY), get(CONTROL), get(DEVSTA, 2)]).toEqual([UR, UR, 20, 0]);
    fn.reset();
    expect([get(UNCOR), get(SEVERITY), get(CONTROL)]).toEqual([0, 0x4_0010, 0]);
  });
});

describe("ERR_ messages (PCIe 6.2.6, figure 6-2)", () => {
  it.each<[string, "read" | "write", { devctl?: number; command?: number; corMask?: number; severity?: number; mask?: number }, string | null]>([
    ["nothing is enabled", "write", {}, null],
    ["non-fatal and UR reporting", "write", { devctl: 0xa }, "ERR_NONFATAL"],
    ["non-fatal without UR reporting", "write", { devctl: 0x7 }, null],
    ["UR reporting alone", "write", { devctl: 0x8 }, null],
    ["SERR# Enable alone", "write", { command: 0x100 }, "ERR_NONFATAL"],
    ["fatal by severity", "write", { devctl: 0xc, severity: UR }, "ERR_FATAL"],
    ["masked", "write", { devctl: 0xf, command: 0x100, mask: UR }, null],
    ["advisory, masked as after reset", "read", { devctl: 0xf }, null],
    ["advisory, not masked", "read", { devctl: 0x9, corMask: 0 }, "ERR_COR"],
    ["advisory with SERR# Enable alone", "read", { command: 0x100, corMask: 0 }, null],
    ["advisory whose uncorrectable bit is masked", "read", { devctl: 0x9, corMask: 0, mask: UR }, "ERR_COR"],
  ])("%s: %s", (_name, access, { devctl = 0, command = 0, corMask, severity, mask }, message) => {
    const machine = rig();
    machine.set(DEVCTL, devctl, 2);
    machine.set(0x04, command, 2);
    if (corMask !== undefined) machine.set(COR_MASK, corMask);
    if (severity !== undefined) machine.set(SEVERITY, severity);
    if (mask !== undefined) machine.set(UNCOR_MASK, mask);
    machine[access]();
    expect(machine.messages()).toEqual([message]);
    expect((machine.get(0x06, 2) & 0x4000) !== 0).toBe(command === 0x100 && message !== null); // Signaled System Error
  });
  it("leave MSI-X alone: the function's own interrupts say nothing of them", () => {
    const machine = acceleratorRig();
    machine.enableFunction();
    machine.fn.configWrite(0x116, 2, 0);
    machine.fn.configWrite(0x48, 2, 0xf);
    machine.fn.invalidateRequest({ pasid: null, global: false, address: 0n, sizeBytes: 4096n, itag: 0 });
    machine.run();
    expect([machine.tracer.of("endpoint.error").length, machine.upstream.msis]).toEqual([1, []]);
  });
});
