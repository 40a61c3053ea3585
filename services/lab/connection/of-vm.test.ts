import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";
import { ofVm } from "./of-vm.ts";

const [vm] = defaultMachine.vms;
const machine = { ...defaultMachine, vms: [vm, { ...vm, name: "vm1", endpoints: [0x10] }] };
const event = (who: string, ids: TraceEvent["ids"] = {}, fields: TraceEvent["fields"] = {}): TraceEvent => ({
  n: 1,
  t: 0,
  lamport: 0,
  who,
  kind: "edge.send",
  ids,
  fields,
  cause: null,
});

describe("the events of one VM", () => {
  it("leave out what is another VM's: its VMM and guest, its functions, its edges", () => {
    const mine = ofVm(machine, 0);
    expect([event("vmm0"), event("smmu", { sid: "0x8" }), event("host", {}, { peer: "vmm0" }), event("host")].map(mine)).toEqual([true, true, true, true]);
    expect([event("vmm1"), event("guest1"), event("smmu", { sid: "0x10" }), event("host", {}, { peer: "vmm1" }), event("x", { endpoint: "0x10" })].map(mine)).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
  });
});
