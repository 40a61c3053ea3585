// The hardware as a process: owns the memory file, serves smmu/v1, and with a scripted endpoint lab/v1 Endpoint. With `replay` in the machine JSON it has RAM of its own and takes DMA of any requester.
import { rmSync } from "node:fs";
import { smmuEdge } from "@faultline/shared/edge/definitions.ts";
import type { HostToSmmu, SmmuToHost } from "@faultline/shared/edge/smmu.ts";
import { createMappedMemory } from "@faultline/shared/physical-memory/mapped.ts";
import { SparseMemory } from "@faultline/shared/physical-memory/sparse.ts";
import { EdgeSlot } from "@faultline/shared/shell/edge-slot.ts";
import type { Action } from "@faultline/shared/shell/endpoint-actions.ts";
import { ENDPOINT_SERVICE, type ReplayMachine, serveEndpoint } from "@faultline/shared/shell/endpoint-server.ts";
import { EXIT, runService } from "@faultline/shared/shell/service.ts";
import { Hardware } from "../core/hardware.ts";
import { hardwareHandles } from "../core/lab-handles.ts";
import { structures } from "../core/state/structures.ts";
import { points } from "../points.ts";
import { engine } from "./engine.ts";
import { powerOn } from "./power-on.ts";
import { pump } from "./pump.ts";
import { ScriptedEndpoints } from "./scripted-endpoints.ts";

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
  const { faults } = service;
  const held = (point: string, fields: Record<string, unknown>) => faults.points.armed && faults.points.holds(point, fields);
  const ports = { memory: ram, host, tracer, engine, timer, now: () => execution.now(), held, faults: faults.hardware };
  const hardware = new Hardware(machine, ports, { ...machine.replay, switches: config.switches });
  faults.hardware.handles = hardwareHandles(hardware, ram);
  faults.resumed = () => work();
  service.points = points;
  const scripted = new ScriptedEndpoints(hardware, { anyRequester: sparse !== null });
  const work = pump(() => {
    const progressed = hardware.step();
    scripted.collect();
    const { exhausted } = hardware;
    if (exhausted) void service.fail(EXIT.infrastructure, `the ${exhausted.cache} cache is full at ${exhausted.capacity} entries and never evicts (M-never-evict)`);
    return progressed && !exhausted;
  });
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
  if (scripted.served) {
    const endpoint = {
      refused: scripted.refused,
      perform(sid: number, action: Action) {
        const outcome = scripted.perform(sid, action);
        work();
        return outcome;
      },
      reset: () => powerOn(hardware, sparse ?? ram),
      readMemory: (address: number, length: number) => ram.read(address, length),
    };
    service.serveBeside(ENDPOINT_SERVICE, (server) => serveEndpoint(server, endpoint));
  }
  await service.listen();
});
