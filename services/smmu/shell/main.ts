// The hardware as a process: owns the memory file, serves smmu/v1.
import { rmSync } from "node:fs";
import { smmuEdge } from "@faultline/shared/edge/definitions.ts";
import type { HostToSmmu, SmmuToHost } from "@faultline/shared/edge/smmu.ts";
import { createMappedMemory } from "@faultline/shared/physical-memory/mapped.ts";
import { EdgeSlot } from "@faultline/shared/shell/edge-slot.ts";
import { runService } from "@faultline/shared/shell/service.ts";
import { Hardware } from "../core/hardware.ts";
import { engine } from "./engine.ts";
import { pump } from "./pump.ts";

await runService("smmu", async (service) => {
  const { machine, config, execution, tracer } = service;
  const { ram } = service.map(() => createMappedMemory(config.memory, machine.dram, { vms: machine.vms.length, keep: machine.dram.kept }));
  if (!machine.dram.kept) service.onExit(() => rmSync(config.memory, { force: true }));

  const applyWrite = (address: number, data: Uint8Array) => void ram.write(address, data);
  const host = new EdgeSlot<SmmuToHost, HostToSmmu>(applyWrite);
  const timer = (ns: number, expired: () => void) =>
    execution.timer(ns, () => {
      expired();
      work();
    });
  // Hardware points are not armed over lab/v1 yet: nothing is held.
  const hardware = new Hardware(machine, { memory: ram, host, tracer, engine, timer, now: () => execution.now(), held: () => false });
  const work = pump(() => hardware.step());

  service.serve(smmuEdge, {
    accept: () => (host.taken ? { field: "name", reason: "a host is connected" } : null),
    join(_, edge) {
      host.join(edge);
      return {
        applyWrite,
        applyOwnWrite: applyWrite,
        deliver(seq, body) {
          hardware.deliver(seq, body);
          work();
        },
      };
    },
    closed: () => {}, // the hardware goes on with the tables it has
  });
  await service.listen();
});
