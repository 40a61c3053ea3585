import { fileURLToPath } from "node:url";
import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";
import { loadSync, type Options, type PackageDefinition } from "@grpc/proto-loader";

/** The same as the options of shared/gen/generate.ts. */
export const loadOptions: Options = { longs: Number, enums: String, defaults: true, oneofs: true, includeDirs: [fileURLToPath(new URL("../../proto", import.meta.url))] };

const packages = new Map<string, PackageDefinition>();

/** The definitions of one package of proto/, with what it imports; "smmu" is smmu/v1/smmu.proto. */
export function protoPackage(name: "smmu" | "vfio" | "virtio" | "lab"): PackageDefinition {
  let definition = packages.get(name);
  if (!definition) {
    definition = loadSync(`${name}/v1/${name}.proto`, loadOptions);
    packages.set(name, definition);
  }
  return definition;
}

const serviceNames = { smmu: "smmu.v1.Smmu", vfio: "vfio.v1.Vfio", virtio: "virtio.v1.Virtio", lab: "lab.v1.Lab" } as const;

export const serviceName = (name: keyof typeof serviceNames): string => serviceNames[name];

export function protoService(name: keyof typeof serviceNames): ServiceDefinition {
  return protoPackage(name)[serviceNames[name]] as unknown as ServiceDefinition;
}

/** The one stream of an edge. */
export const connectMethod = (edge: "smmu" | "vfio" | "virtio"): MethodDefinition<object, object> => protoService(edge).Connect as MethodDefinition<object, object>;
