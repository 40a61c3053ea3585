import { describe, expect, it } from "vitest";
import type { Do, FaultRule, Point, When, Where } from "./fault-rule.ts";
import { loadFaultRules } from "./load-fault-rules.ts";
import { RuleError } from "./rule-error.ts";

const points: Point[] = [
  { id: "host.p", sentence: "A place.", kind: "hold", fields: { sid: "int", last: "bool" } },
  { id: "smmu.step", sentence: "A step.", kind: "hardware", fields: { sid: "int" } },
];
const up: Where = { direction: "vmm->host", what: "page-response" };
const call: Where = { direction: "vmm->host", what: "ioctl" };
const drop: Do = { action: "drop" };
const rule = (where: unknown, what: unknown, when?: unknown, more: object = {}): FaultRule =>
  ({ id: "r", where, do: what, ...(when ? { when } : {}), ...more }) as FaultRule;

describe("a rule that cannot be is refused, naming rule and field", () => {
  const refused: [what: string, rule: FaultRule, field: string, reason: RegExp][] = [
    ["no id", rule(up, drop, undefined, { id: "" }), "id", /missing/],
    ["a member that rules do not have", rule(up, drop, undefined, { whne: {} }), "whne", /no part/],
    ["nowhere", rule(undefined, drop), "where", /missing/],
    ["two places", rule({ ...up, point: "host.p" }, drop), "where", /one of the three/],
    ["a direction that no edge has", rule({ direction: "guest->host", what: "ioctl" }, drop), "where.direction", /on no edge/],
    ["a direction of another edge", rule({ ...up, edge: "smmu" }, drop), "where.direction", /on no edge smmu/],
    ["a record that nothing carries", rule({ ...up, what: "page-respnse" }, drop), "where.what", /no record and no message/],
    ["a record of the other way", rule({ direction: "host->vmm", what: "page-response" }, drop), "where.what", /no record/],
    ["a message of the other end", rule({ direction: "host->vmm", what: "ioctl" }, drop), "where.what", /no message/],
    ["nothing to do", rule(up, {}), "do.action", /missing/],
    ["an action that there is not", rule(up, { action: "explode" }), "do.action", /none of/],
    ["an action of the hardware on an edge", rule(up, { action: "stuck" }), "do.action", /none of/],
    ["a member that the action does not have", rule(up, { action: "drop", ns: 4 }), "do.ns", /nothing that drop has/],
    ["a delay without its time", rule(up, { action: "delay" }), "do.ns", /how long/],
    ["a negative delay", rule(up, { action: "delay", ns: -1 }), "do.ns", /nanoseconds/],
    ["a hold until what never happens", rule(up, { action: "hold", until: "no.such-event" }), "do.until", /no kind of event/],
    ["a replay from nowhere", rule(up, { action: "replay", back: 0 }), "do.back", /from 1 to 4294967295/],
    ["a corrupt field that the record lacks", rule(up, { action: "corrupt", field: "grp", value: 1 }), "do.field", /no field of page-response: argsz/],
    ["a corrupt value too wide", rule({ direction: "smmu->host", what: "priq-record" }, { action: "corrupt", field: "PRGIndex", value: 512 }), "do.value", /9 bits/],
    ["a corrupt bit outside its field", rule({ direction: "smmu->host", what: "priq-record" }, { action: "corrupt", field: "PRGIndex", bit: 9 }), "do.bit", /9 bits/],
    ["a corrupt of nothing", rule(up, { action: "corrupt", field: "grpid" }), "do.value", /one of the two/],
    ["a corrupt of two things", rule(up, { action: "corrupt", field: "grpid", value: 1, bit: 1 }), "do.value", /one of the two/],
    ["a corrupt message field that is not there", rule(call, { action: "corrupt", field: "argument", bit: 1 }), "do.field", /fd, cmd, arg/],
    ["a corrupt value of another type", rule(call, { action: "corrupt", field: "fd", value: "x" }), "do.value", /integer/],
    [
      "a corrupt field that no system call has",
      rule({ ...up, what: "request" }, { action: "corrupt", field: "type_of_day", value: 1 }),
      "do.field",
      /no field of request: argsz/,
    ],
    ["an answer without what", rule(call, { action: "answer" }), "do.action", /one of errno, status, code/],
    ["an answer of another edge", rule(call, { action: "answer", status: 1 }), "do.status", /answers no ioctl/],
    ["an answer to what needs none", rule({ direction: "host->smmu", what: "mmioWrite" }, { action: "answer", code: "UR" }), "do.code", /answers no mmioWrite/],
    ["an answer to the lower end", rule({ direction: "host->vmm", what: "signal" }, { action: "answer", errno: "EIO" }), "do.action", /nothing that host sends/],
    ["an errno that there is not", rule(call, { action: "answer", errno: "EWHAT" }), "do.errno", /no errno/],
    [
      "a status that there is not",
      rule({ direction: "guest->vmm", what: "available" }, { action: "answer", status: "VIRTIO_IOMMU_S_WHAT" }),
      "do.status",
      /no VIRTIO_IOMMU_S/,
    ],
    ["a completion that there is not", rule({ direction: "host->smmu", what: "mmioRead" }, { action: "answer", code: "SC" }), "do.code", /UR or CA/],
    ["an interrupt lost that is none", rule(call, { action: "lose-interrupt" }), "do.action", /ioctl is no interrupt/],
    ["a full window for a reply", rule({ direction: "host->vmm", what: "ioctlResult" }, { action: "full" }), "do.action", /needs no credit/],
    ["a point that there is not", rule({ point: "host.q" }, { action: "hold" }), "where.point", /no point/],
    ["a message action at a point", rule({ point: "host.p" }, drop), "do.action", /none of hold, delay, count/],
    ["a hold of many points", rule({ point: "host.*" }, { action: "hold" }), "where.point", /only count/],
    ["hardware that there is not", rule({ hardware: "smmu:gerror" }, { action: "abort" }), "where.hardware", /none of smmu:cmdq/],
    ["an endpoint that is no BDF", rule({ hardware: "endpoint:1" }, { action: "stuck" }), "where.hardware", /none of/],
    ["what another piece does", rule({ hardware: "smmu:fetch" }, { action: "full" }), "do.action", /none of abort/],
    ["a bit that no byte has", rule({ hardware: "dram" }, { action: "flip", address: "0x40000000", bit: 8 }), "do.bit", /0 to 7/],
    ["a flip of nothing", rule({ hardware: "dram" }, { action: "flip", bit: 1 }), "do.address", /missing/],
    ["a replay of what is too old", rule(up, { action: "replay", back: 2 ** 32 }), "do.back", /from 1 to 4294967295/],
    ["a flip that counts matches", rule({ hardware: "dram" }, { action: "flip", address: 4, bit: 1 }, { nth: 2 }), "when.nth", /by itself/],
  ];
  it.each(refused)("%s", (_, wrong, field, reason) => {
    let error: unknown;
    try {
      loadFaultRules([wrong], { points });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(RuleError);
    expect(error).toMatchObject({ rule: wrong.id || "#0", field });
    expect((error as Error).message).toMatch(reason);
  });

  const whens: [when: object, field: string][] = [
    [{ nth: 0 }, "when.nth"],
    [{ every: 1.5 }, "when.every"],
    [{ times: -1 }, "when.times"],
    [{ interval: 0 }, "when.interval"],
    [{ after: -1 }, "when.after"],
    [{ after: 1.5 }, "when.after"],
    [{ after: 2 ** 32 }, "when.after"], // lab/v1 has 32 bits for it, and 0 of them is "not set"
    [{ nth: 2 ** 32 }, "when.nth"],
    [{ at: Number.NaN }, "when.at"],
    [{ space: "4" }, "when.space"],
    [{ intervalNs: -5 }, "when.intervalNs"],
    [{ probability: 0.5 }, "when.probability"],
    [{ probability: 101 }, "when.probability"],
    [{ afterEvent: "no.such-event" }, "when.afterEvent"],
    [{ often: true }, "when.often"],
    [{ condition: "m.grpidd == 1" }, "when.condition"],
    [{ condition: "m.Last == 1" }, "when.condition"],
    [{ condition: "m.grpid" }, "when.condition"],
    [{ condition: "m.grpid ==" }, "when.condition"],
    [{ condition: "m.grpid == 'x'" }, "when.condition"],
  ];
  it.each(whens)("when %j", (when, field) => {
    expect(() => loadFaultRules([rule(up, drop, when)])).toThrow(`rule r: ${field} `);
  });
  it("the same id twice", () => {
    expect(() => loadFaultRules([rule(up, drop), rule(up, drop)])).toThrow("rule r: id stands twice");
  });
});

describe("a rule that can be", () => {
  it("has its condition compiled over the fields of its record, message or point", () => {
    const condition = (where: Where, what: Do, text: string) => loadFaultRules([rule(where, what, { condition: text } satisfies When)], { points })[0].condition!;
    expect(condition(up, drop, "m.grpid == 5 && bit(m.flags, 0)")({ grpid: 5, flags: 1 })).toBe(true);
    expect(condition(up, drop, "m.grpid == 5 && bit(m.flags, 0)")({ grpid: 5, flags: 2 })).toBe(false);
    expect(condition(call, drop, "m.cmd > 0x100")({ cmd: 0x101 })).toBe(true);
    expect(condition({ point: "host.p" }, { action: "hold" }, "m.sid == 8 && m.last")({ sid: "0x8", last: true })).toBe(true);
    expect(condition({ hardware: "smmu:priq" }, { action: "full" }, "m.pasid == 5")({ sid: 8 })).toBe(false);
  });
  it("of another service's point is taken and never matches", () => {
    const [loaded] = loadFaultRules([rule({ point: "guest.q" }, { action: "hold" }, { condition: "m.x == 1" })], { points, service: "host" });
    expect(loaded.condition?.({ x: 1 })).toBe(false);
    expect(() => loadFaultRules([rule({ point: "host.q" }, { action: "hold" })], { points, service: "host" })).toThrow("where.point");
  });
});
