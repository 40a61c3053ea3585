import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { describe, expect, it } from "vitest";
import { SimulatedMachine } from "./machine.ts";
import { Power } from "./part.ts";

const input = Uint8Array.from({ length: 40_000 }, (_, i) => (i * 31 + (i >> 7)) & 0xff);

async function booted(): Promise<SimulatedMachine> {
  const machine = new SimulatedMachine(defaultMachine, { seed: 1, switches: new Set() });
  await machine.boot();
  return machine;
}
const work = (machine: SimulatedMachine) =>
  machine.runWorkload([{ name: "input", bytes: input }], { operation: "sha256", file: "input", pagesPerGroup: 2, jobTimeoutNs: 60e9 }, { limitNs: 600e9 });
/** Does something to the machine when the first page request is on its way. */
function atFirstFault(machine: SimulatedMachine, what: () => void): void {
  let done = false;
  machine.watch(({ kind }) => {
    if (done || kind !== "endpoint.page-request") return;
    done = true;
    machine.scheduler.labAfter(0, what);
  });
}
const parts = (machine: SimulatedMachine) => machine.history.filter(({ kind }) => kind === "lab.part").map(({ fields }) => `${fields.did} ${fields.part}`);

describe("the power of a simulated part", () => {
  it("keeps what is due while the part is paused, in order, and loses it when the part is off", () => {
    const soon: (() => void)[] = [];
    const power = new Power((run) => void soon.push(run));
    const ran: number[] = [];
    power.pause();
    for (const n of [1, 2]) power.run(() => void ran.push(n));
    power.resume();
    power.run(() => void ran.push(3)); // behind what waited
    expect(ran).toEqual([]);
    while (soon.length) soon.shift()!();
    expect(ran).toEqual([1, 2, 3]);
    power.off();
    power.run(() => void ran.push(4));
    expect(ran).toEqual([1, 2, 3]);
  });
});

describe("death, pause and partition of a part in the simulation (design.md, section 2)", () => {
  it("the death of the host takes VMM and guest along, the hardware goes on; started again everything works", async () => {
    const machine = await booted();
    atFirstFault(machine, () => machine.kill("host"));
    expect(await work(machine)).toEqual({ ended: false, reason: "lost" });
    expect(Object.keys(machine.counts())).toEqual(["smmu"]);
    expect(parts(machine)).toEqual(["kill host", "exit vmm0", "exit guest0"]);
    expect(await machine.scheduler.drive(machine.start())).toEqual({ ended: true, value: null });
    expect(await work(machine)).toMatchObject({ ended: true, value: { ok: true } });
  });
  it("a guest that dies leaves nothing in VMM and host, and they go on", async () => {
    const machine = await booted();
    atFirstFault(machine, () => machine.kill("guest0"));
    await work(machine);
    await machine.settle(1e9);
    const { vmm0, host, smmu, guest0 } = machine.counts();
    expect(guest0).toBeUndefined();
    expect([vmm0.guests, vmm0.outstanding, host.pending, smmu.pageRequestsOutstanding]).toEqual([0, 0, 0, 0]);
    expect(host.processes).toBe(1);
  });
  it("a part that is paused stands still, and nothing breaks", async () => {
    const machine = await booted();
    atFirstFault(machine, () => {
      machine.pause("vmm0");
      machine.scheduler.labAfter(30e9, () => machine.resume("vmm0"));
    });
    expect(await work(machine)).toMatchObject({ ended: true, value: { ok: true } });
    const [pause, resume] = machine.history.filter(({ kind }) => kind === "lab.part");
    expect(machine.history.filter(({ who, n }) => who === "vmm0" && n > pause.n && n < resume.n)).toEqual([]);
  });
  it("a cut of less than keepalive delays messages, one way or both; a longer one breaks the edges on both sides", async () => {
    for (const [ways, ns] of [
      ["both", 3e9],
      ["from", 3e9],
      ["to", 3e9],
    ] as const) {
      const machine = await booted();
      atFirstFault(machine, () => {
        machine.cut("vmm0", ways);
        machine.scheduler.labAfter(ns, () => machine.join("vmm0"));
      });
      expect(await work(machine), ways).toMatchObject({ ended: true, value: { ok: true } });
    }
    const machine = await booted();
    atFirstFault(machine, () => machine.cut("vmm0", "both"));
    expect(await work(machine)).toEqual({ ended: false, reason: "lost" });
    await machine.settle(1e9); // whose keepalive ends first is the schedule's
    expect(parts(machine).toSorted()).toEqual(["exit guest0", "exit vmm0", "partition vmm0"]);
    expect(machine.history.filter(({ kind }) => kind === "edge.break").map(({ who }) => who)).toEqual(expect.arrayContaining(["host", "vmm0"]));
  });
  it("without dram.kept a machine that lost power boots with empty memory", async () => {
    const machine = await booted();
    atFirstFault(machine, () => machine.kill("smmu"));
    await work(machine);
    expect(Object.keys(machine.counts())).toEqual([]);
    expect(await machine.scheduler.drive(machine.start())).toEqual({ ended: true, value: null });
    expect(await work(machine)).toMatchObject({ ended: true, value: { ok: true } });
  });
});

describe("one seeded source, split per purpose (issue 6, item 4)", () => {
  it("a fault that takes place leaves the order of everything before it as it was, and one that never matches leaves everything", async () => {
    const lines = async (rule: string | null) => {
      const machine = await booted();
      if (rule) machine.arm([{ id: "r", where: { direction: "vmm->host", what: "page-response" }, when: { condition: rule }, do: { action: "delay", ns: 5 } }]);
      await work(machine);
      return machine.history.filter(({ kind }) => kind !== "lab.rules-armed").map(({ who, kind, t, ids }) => JSON.stringify([who, kind, t, ids]));
    };
    const without = await lines(null);
    expect(await lines("m.grpid == 511")).toEqual(without);
    const timers = await booted();
    for (let ns = 100; ns < 1e6; ns += 1000) timers.scheduler.labAfter(ns, () => {}); // the lab does something, the machine notices nothing
    await work(timers);
    expect(timers.history.map(({ who, kind, t, ids }) => JSON.stringify([who, kind, t, ids]))).toEqual(without);
    const late = await lines("m.grpid == 2");
    const first = late.findIndex((line) => line.includes('"edge.rule"'));
    expect(first).toBeGreaterThan(0);
    expect(late.slice(0, first)).toEqual(without.slice(0, first));
  });
});
