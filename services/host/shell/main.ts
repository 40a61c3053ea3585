// The host kernel as a process: dials the hardware, serves vfio/v1.
import { smmuEdge, vfioEdge } from "@faultline/shared/edge/definitions.ts";
import { errnoName } from "@faultline/shared/linux-uapi/errno.ts";
import { InfrastructureError } from "@faultline/shared/shell/infrastructure-error.ts";
import { runService } from "@faultline/shared/shell/service.ts";
import { vmOf } from "@faultline/shared/shell/vm-name.ts";
import { Host, type VmmAttachment } from "../core/host.ts";
import { structures } from "../core/state/structures.ts";
import { points } from "../points.ts";

await runService("host", async (service) => {
  const { machine, config, execution, tracer } = service;
  const attached = new Map<string, VmmAttachment | null>();
  let host: Host | null = null;

  service.serve(vfioEdge, {
    accept({ name }) {
      if (vmOf("vmm", name, machine) === null) return { field: "name", reason: `${name} is no vmmN of this machine` };
      if (attached.has(name)) return { field: "name", reason: `${name} is connected, or its release is not done` };
      return host!.frames.allocated < host!.frames.total ? null : { field: "name", reason: `the host has no memory for the process of ${name} (fork: -ENOMEM)` };
    },
    join({ name }, edge) {
      const vmm = host!.attachVmm(vmOf("vmm", name, machine)!, edge);
      attached.set(name, vmm);
      return { applyWrite: (address, data) => vmm.applyWrite(address, data), deliver: (seq, body) => vmm.deliver(seq, body) };
    },
    closed({ name }) {
      execution.spawn(`release ${name}`, async () => {
        await attached.get(name)?.closed();
        attached.delete(name);
        service.log.info({ vmm: name, ...host!.counts() }, "released");
      });
    },
  });
  service.points = points;
  await service.listen();

  await service.dial(smmuEdge, (smmu) => {
    const { ram, roots } = service.map();
    const applyWrite = (address: number, data: Uint8Array) => void ram.write(address, data);
    const kernel = new Host(machine, { memory: ram, smmu, execution, tracer, roots, switches: config.switches });
    host = kernel;
    service.structures = structures(kernel);
    return { applyWrite, applyOwnWrite: applyWrite, deliver: (seq, body) => kernel.fromSmmu(seq, body) };
  });
  const ret = await host!.boot();
  if (ret < 0) throw new InfrastructureError(`the host kernel did not boot: ${errnoName(ret)}`);
});
