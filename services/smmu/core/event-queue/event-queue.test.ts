import { EVENT } from "@faultline/shared/arm-smmu-v3/event-record.ts";
import { describe, expect, it } from "vitest";
import { at, NestedRig, SID } from "../../../../test/support/smmu-rig.ts";

const fault = (rig: NestedRig, address = 0x1000n) => rig.smmu.transact({ sid: SID, ssid: rig.ssid, translated: false, address, write: false, priv: false, exec: false });

describe("event queue (Arm IHI 0070 G.b, 7.2 and 7.4)", () => {
  it("posts the record, then the interrupt, on empty to non-empty only", () => {
    const rig = new NestedRig().start();
    fault(rig);
    fault(rig);
    expect(rig.host.posted.map(({ address }) => address)).toEqual([at.eventq, at.eventq + 32]);
    expect(rig.host.sent).toMatchObject([{ source: "EVENTQ", eventqProd: 1 }]);
  });
  it("full: the event is lost and OVFLG toggles once; space alone brings later events back", () => {
    const rig = new NestedRig().start({ eventqLog2: 1 });
    for (let i = 0; i < 4; i++) fault(rig);
    expect(rig.read("EVENTQ_PROD")).toBe(0x8000_0002);
    rig.write("EVENTQ_CONS", 1); // OVACKFLG not acknowledged
    fault(rig);
    expect(rig.read("EVENTQ_PROD")).toBe(0x8000_0003);
  });
  it("disabled: the event is lost without OVFLG", () => {
    const rig = new NestedRig().start({ cr0: 0x1b });
    fault(rig);
    expect(rig.read("EVENTQ_PROD")).toBe(0);
  });
  it("a record write that aborts: EVENTQ_ABT_ERR, PROD unmoved, nothing more is written until it is acknowledged", () => {
    const rig = new NestedRig().start({ cr0: 0x1b });
    rig.write("EVENTQ_BASE", 0x1_0000_0003);
    rig.write("CR0", 0x1f);
    fault(rig);
    expect([rig.read("GERROR"), rig.read("EVENTQ_PROD")]).toEqual([4, 0]);
    expect(rig.host.interrupts()).toEqual(["GERROR"]);
  });
  it("an EVENTQ MSI goes to EVENTQ_IRQ_CFG0 instead of the wire", () => {
    const rig = new NestedRig();
    rig.write("EVENTQ_IRQ_CFG0", 0x0808_0040);
    rig.write("EVENTQ_IRQ_CFG1", 0x21);
    rig.start();
    fault(rig);
    expect(rig.host.sent).toMatchObject([{ source: "MSI", deviceId: 0x10000, eventId: 0x21, eventqProd: 1 }]);
  });
  it("FetchAddr has 0 in the bits at and above OAS (spec/smmuv3.md, 5.1)", () => {
    const rig = new NestedRig();
    rig.start({ cr0: 0x1e });
    rig.write("STRTAB_BASE", 2n ** 50n + 0x1000_0000n);
    rig.write("CR0", 0x1f);
    fault(rig);
    expect(EVENT.decode(rig.events()[0])).toMatchObject({ ID: 3n, FetchAddr: (0x1000_0000n + 8n * 64n) / 8n });
  });
});
