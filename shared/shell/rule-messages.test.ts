import { describe, expect, it } from "vitest";
import type { FaultRule } from "../lab/fault-rule.ts";
import { protoService } from "./protos.ts";
import { ruleFromWire, ruleToWire } from "./rule-messages.ts";

const { requestSerialize, requestDeserialize } = protoService("lab").Arm;
const overWire = (rule: Parameters<typeof ruleToWire>[0]): FaultRule =>
  ruleFromWire((requestDeserialize(requestSerialize({ rules: [ruleToWire(rule)] })) as { rules: never[] }).rules[0]);

describe("a rule on lab/v1", () => {
  const call = { direction: "vmm->host", what: "ioctl" };
  const rules: Omit<FaultRule, "id">[] = [
    { where: call, do: { action: "drop" } },
    { where: { ...call, edge: "vfio" }, when: { nth: 3, every: 2, times: 4, after: 1 }, do: { action: "delay", ns: 0 } },
    { where: call, when: { condition: "m.fd == 3", at: 1e12, space: 4096, interval: 2, probability: 25, intervalNs: 5e9 }, do: { action: "duplicate" } },
    { where: call, when: { afterEvent: "guest.bind", nth: 2 }, do: { action: "release", rule: "other" } },
    { where: { hardware: "smmu:fetch" }, do: { action: "flip", bit: 0 } },
    { where: call, when: { probability: 0 }, do: { action: "reorder" } },
    { where: call, do: { action: "corrupt", field: "fd", value: -1 } },
    { where: call, do: { action: "corrupt", field: "arg", value: "0xffffffffffffffff" } },
    { where: call, do: { action: "corrupt", field: "interrupt", value: false } },
    { where: { direction: "vmm->host", what: "open" }, do: { action: "corrupt", field: "path", value: "12" } },
    { where: call, do: { action: "corrupt", field: "arg", bit: 0 } },
    { where: call, do: { action: "answer", errno: "EIO" } },
    { where: call, do: { action: "answer", errno: 22 } },
    { where: call, do: { action: "answer", status: 0 } },
    { where: call, do: { action: "answer", status: "VIRTIO_IOMMU_S_NOMEM" } },
    { where: call, do: { action: "answer", code: "CA" } },
    { where: call, do: { action: "hold", until: "lab.heal" } },
    { where: call, do: { action: "replay", back: 2 } },
    { where: call, do: { action: "lose-interrupt" } },
    { where: call, do: { action: "full", ns: 5000 } },
    { where: { point: "host.pri-thread.before-report" }, do: { action: "hold" } },
    { where: { point: "*" }, do: { action: "count" } },
    { where: { hardware: "dram" }, when: { at: 500 }, do: { action: "flip", address: "0x40001000", bit: 0 } },
    { where: { hardware: "endpoint:00:01.0" }, do: { action: "rogue", address: "0x0", count: 3, write: true } },
    { where: { hardware: "endpoint:00:01.0" }, do: { action: "link-down", until: "lab.heal" } },
  ];
  it.each(rules)("arrives as it left: %j", (rule) => {
    expect(overWire({ id: "r", ...rule })).toEqual({ id: "r", ...rule });
  });
  it("in its short form arrives as where, when and what", () => {
    expect(overWire({ id: "r", ...call, nth: 2, do: "delay", ns: 7, conditionText: "m.fd == 1" })).toEqual({
      id: "r",
      where: call,
      when: { nth: 2, condition: "m.fd == 1" },
      do: { action: "delay", ns: 7 },
    });
  });
  it("with a compiled condition and no text cannot travel", () => {
    expect(() => ruleToWire({ id: "r", ...call, do: "drop", condition: () => true })).toThrow("rule r has a condition without its text");
  });
  it("keeps a delay without its time wrong", () => {
    expect(overWire({ id: "r", where: call, do: { action: "delay" } } as never).do).toEqual({ action: "delay" });
  });
});
