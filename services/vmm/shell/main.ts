// The virtual machine monitor of one VM as a process: dials the host, serves virtio/v1.
import { vfioEdge, virtioEdge } from "@faultline/shared/edge/definitions.ts";
import { errnoName } from "@faultline/shared/linux-uapi/errno.ts";
import { vmmCpuMemory } from "@faultline/shared/physical-memory/translated.ts";
import { InfrastructureError } from "@faultline/shared/shell/infrastructure-error.ts";
import { runService } from "@faultline/shared/shell/service.ts";
import { vmOf } from "@faultline/shared/shell/vm-name.ts";
import { structures } from "../core/state/structures.ts";
import { Vmm } from "../core/vmm.ts";
import { points } from "../points.ts";

await runService("vmm", async (service) => {
  const { machine, config, execution, tracer } = service;
  let vmm: Vmm | null = null;
  let guest: ReturnType<Vmm["attachGuest"]> | null = null;

  service.serve(virtioEdge, {
    accept({ name }) {
      if (vmOf("guest", name, machine) !== config.vm) return { field: "name", reason: `${name} is not guest${config.vm}` };
      return guest ? { field: "name", reason: `${name} runs, or its devices are not reset yet` } : null;
    },
    join(_, edge) {
      const attached = vmm!.attachGuest(edge);
      guest = attached;
      return { applyWrite: () => {}, deliver: (seq, body) => attached.deliver(seq, body) };
    },
    closed() {
      execution.spawn("guest died", async () => {
        await guest?.closed();
        guest = null;
      });
    },
  });
  service.points = points;
  await service.listen();

  await service.dial(vfioEdge, (host) => {
    const { ram, roots } = service.map();
    const monitor = new Vmm(machine, config.vm, { memory: vmmCpuMemory(ram, roots, config.vm), host, execution, tracer, switches: config.switches });
    vmm = monitor;
    service.structures = structures(monitor);
    return { applyWrite: (address, data) => monitor.applyWrite(address, data), deliver: (seq, body) => monitor.fromHost(seq, body) };
  });
  const ret = await vmm!.boot();
  if (ret < 0) throw new InfrastructureError(`the VMM did not set its VM up: ${errnoName(ret)}`);
});
