import { type Failure, infrastructureError } from "../cli/errors.ts";
import { type Ended, ended, type Service } from "./services.ts";

/** Time for the others to say which edge broke. */
const OTHERS_MS = 400;

/** What a part says that ends because the one below it did. */
const FOLLOWS = /^\w+: edge \S+ to \w+ broke: /;

/** The edge above and below each part of the machine. */
const edgesOf: Record<Service["kind"], string> = {
  smmu: "smmu/v1 (host<->smmu)",
  host: "smmu/v1 (host<->smmu) and vfio/v1 (vmm<->host)",
  vmm: "vfio/v1 (vmm<->host) and virtio/v1 (guest<->vmm)",
  guest: "virtio/v1 (guest<->vmm)",
};

/** Rejects as soon as a service is gone that should not be, naming it, its edges and what the others say. Never resolves. `expected`: its loss is wanted. */
export function lossOf(services: readonly Service[], closing: () => boolean, expected: (name: string) => boolean = () => false): Promise<never> {
  return new Promise((_, reject) => {
    const gone: Ended[] = [];
    for (const service of services) {
      void ended(service).then(async (end) => {
        if (expected(service.name)) return;
        gone.push(end);
        if (gone.length > 1 || closing()) return;
        await new Promise((resolve) => setTimeout(resolve, OTHERS_MS));
        if (!closing()) reject(describe(services, gone));
      });
    }
  });
}

/** Who was killed is the cause; else who ended for a reason of its own; else who ended first. */
function describe(services: readonly Service[], gone: readonly Ended[]): Failure {
  const serviceOf = ({ name }: Ended) => services.find((service) => service.name === name)!;
  const cause = gone.find(({ how }) => how.startsWith("killed")) ?? gone.find((end) => !FOLLOWS.test(lastLine(serviceOf(end).stderr))) ?? gone[0];
  const lost = serviceOf(cause);
  // Who ended by itself says why in its last line.
  if (!cause.how.startsWith("killed") && lost.stderr) return infrastructureError(lastLine(lost.stderr), cause.name);
  const others = services.filter((service) => service !== lost && service.stderr);
  return infrastructureError(
    [`lost ${cause.name} (${cause.how}): edge ${edgesOf[lost.kind]} broke`, ...others.map(({ stderr }) => lastLine(stderr))].join("; "),
    cause.name,
  );
}

/** The line that says why: the service's own sentence ("host: ..."), else an error's, else the last one. Log lines are JSON. */
function lastLine(text: string): string {
  const lines = text.trim().split("\n").map(plain);
  return (lines.findLast((line) => /^(smmu|host|vmm|guest)\d*: /.test(line)) ?? lines.findLast((line) => /Error\b.*: /.test(line)) ?? lines.at(-1)!).trim();
}

function plain(line: string): string {
  try {
    return String(JSON.parse(line).msg);
  } catch {
    return line;
  }
}
