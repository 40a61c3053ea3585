// One guest kernel and its user process: dials its VMM, runs workloads for the lab.
import { virtioEdge } from "@faultline/shared/edge/definitions.ts";
import { errnoName } from "@faultline/shared/linux-uapi/errno.ts";
import { guestCpuMemory } from "@faultline/shared/physical-memory/translated.ts";
import { InfrastructureError } from "@faultline/shared/shell/infrastructure-error.ts";
import { runService } from "@faultline/shared/shell/service.ts";
import { Guest } from "../core/guest.ts";
import { structures } from "../core/state/structures.ts";
import { points } from "../points.ts";

await runService("guest", async (service) => {
  const { machine, config, execution, tracer } = service;
  let guest: Guest | null = null;
  service.points = points;
  await service.listen();

  await service.dial(virtioEdge, (vmm) => {
    const { ram, roots } = service.map();
    const memory = guestCpuMemory(ram, roots, config.vm, machine.vms[config.vm].slots);
    const kernel = new Guest(machine, config.vm, { memory, vmm, execution, tracer, switches: config.switches });
    guest = kernel;
    service.structures = structures(kernel);
    return { applyWrite: () => {}, deliver: (seq, body) => kernel.fromVmm(seq, body) };
  });
  const ret = await guest!.boot();
  if (ret < 0) throw new InfrastructureError(`the guest kernel did not boot: ${errnoName(ret)}`);
  service.runWorkload = (files, workload, progress) => guest!.runWorkload(files, workload, progress);
});
