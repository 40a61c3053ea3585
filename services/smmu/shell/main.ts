// The hardware as a process: owns the memory file, serves smmu/v1. With `replay` in the machine JSON it has RAM of its own and serves lab/v1 Endpoint.
import { rmSync } from "node:fs";
import { smmuEdge } from "@faultline/shared/edge/definitions.ts";
import type { HostToSmmu, SmmuToHost } from "@faultline/shared/edge/smmu.ts";
import { createMappedMemory } from "@faultline/shared/physical-memory/mapped.ts";
import { SparseMemory } from "@faultline/shared/physical-memory/sparse.ts";
import { EdgeSlot } from "@faultline/shared/shell/edge-slot.ts";
import { type DmaRequest, dmaOn, endpointAddress, listenEndpoint, type ReplayMachine } from "@faultline/shared/shell/endpoint-server.ts";
import { runService } from "@faultline/shared/shell/service.ts";
import { Hardware } from "../core/hardware.ts";
import { structures } from "../core/state/structures.ts";
import { engine } from "./engine.ts";
import { pump } from "./pump.ts";

await runService("smmu", async (service) => {
  const { config, execution, tracer } = service;
  const machine: ReplayMachine = service.machine;
  const sparse = machine.replay ? new SparseMemory(machine.replay.ram) : null;
  const ram = sparse ?? service.map(() => createMappedMemory(config.memory, machine.dram, { vms: machine.vms.length, keep: machine.dram.kept })).ram;
  if (!machine.dram.kept) service.onExit(() => rmSync(config.memory, { force: true }));

  const applyWrite = (address: number, data: Uint8Array) => void ram.write(address, data);
  const host = new EdgeSlot<SmmuToHost, HostToSmmu>(applyWrite);
  const timer = (ns: number, expired: () => void) =>
    execution.timer(ns, () => {
      expired();
      work();
    });
  // Hardware points are not armed over lab/v1 yet: nothing is held.
  const hardware = new Hardware(machine, { memory: ram, host, tracer, engine, timer, now: () => execution.now(), held: () => false }, machine.replay);
  const work = pump(() => hardware.step());
  service.structures = structures(hardware, ram);

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
  if (sparse) {
    const reset = () => {
      hardware.reset();
      sparse.clear();
    };
    const ports = { dma: (request: DmaRequest) => dmaOn(hardware, request), reset, readMemory: (address: number, length: number) => sparse.read(address, length) };
    service.onExit(await listenEndpoint(endpointAddress(config.listen), ports));
  }
  await service.listen();
});
