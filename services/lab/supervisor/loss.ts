import { type Failure, infrastructureError } from "../cli/errors.ts";
import { type Ended, ended, type Service } from "./services.ts";

/** Time for the others to say which edge broke. */
const OTHERS_MS = 400;

/** The edge above and below each part of the machine. */
const edgesOf: Record<Service["kind"], string> = {
  smmu: "smmu/v1 (host<->smmu)",
  host: "smmu/v1 (host<->smmu) and vfio/v1 (vmm<->host)",
  vmm: "vfio/v1 (vmm<->host) and virtio/v1 (guest<->vmm)",
  guest: "virtio/v1 (guest<->vmm)",
};

/** Rejects as soon as a service is gone that should not be, naming it, its edges and what the others say. Never resolves. */
export function lossOf(services: readonly Service[], closing: () => boolean): Promise<never> {
  return new Promise((_, reject) => {
    const gone: Ended[] = [];
    for (const service of services) {
      void ended(service).then(async (end) => {
        gone.push(end);
        if (gone.length > 1 || closing()) return;
        await new Promise((resolve) => setTimeout(resolve, OTHERS_MS));
        if (!closing()) reject(describe(services, gone));
      });
    }
  });
}

/** Who was killed is the cause; else who ended first. */
function describe(services: readonly Service[], gone: readonly Ended[]): Failure {
  const cause = gone.find(({ how }) => how.startsWith("killed")) ?? gone[0];
  const lost = services.find(({ name }) => name === cause.name)!;
  const lines = services.map((service) => ({ service, line: lastLine(service.stderr) }));
  const said = lines.filter(({ service, line }) => service !== lost && line).map(({ service, line }) => `${service.name}: ${line}`);
  const own = lastLine(lost.stderr);
  return infrastructureError(
    `lost ${cause.name} (${cause.how}${own ? `: ${own}` : ""}): edge ${edgesOf[lost.kind]} broke${said.length ? `; ${said.join("; ")}` : ""}`,
    cause.name,
  );
}

const lastLine = (text: string): string => text.trimEnd().split("\n").at(-1)!.trim();
