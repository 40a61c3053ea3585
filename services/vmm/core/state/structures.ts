import { hex } from "@faultline/shared/codec/uint64.ts";
import { flag, hexString, integer, list, map, orNull, record, text } from "@faultline/shared/state/schema.ts";
import type { Structure } from "@faultline/shared/state/structure.ts";
import type { Domain } from "../virtio-iommu/domain.ts";
import type { Endpoint } from "../virtio-iommu/endpoint.ts";
import type { Vmm } from "../vmm.ts";

const endpointSchema = record({
  endpoint: hexString(),
  fd: integer("of the vfio device"),
  domain: orNull(integer()),
  stage2: text("what the container's stage 2 maps: ram, domain N, or unknown"),
  outstanding: integer("page request groups that the guest has not answered"),
  faultTail: integer("of the DMA fault ring"),
});
const domainSchema = record({
  domain: integer(),
  kind: text("map, bypass or table"),
  endpoints: list(hexString()),
  mappings: list(record({ virtStart: hexString(), virtEnd: hexString("inclusive"), physStart: hexString(), flags: integer() })),
  table: orNull(map({ anyOf: [integer(), hexString()] }, "what ATTACH_TABLE said")),
});

const endpointState = (endpoint: Endpoint) => ({
  endpoint: hex(endpoint.id),
  fd: endpoint.device.facts.fd,
  domain: endpoint.domain?.id ?? null,
  stage2: endpoint.stage2 === "ram" ? "ram" : endpoint.stage2 ? `domain ${endpoint.stage2.id}` : "unknown",
  outstanding: endpoint.outstanding.length,
  faultTail: endpoint.relay.tail,
});

const domainState = ({ id, kind, endpoints, mappings, table }: Domain) => ({
  domain: id,
  kind,
  endpoints: [...endpoints].map((endpoint) => hex(endpoint.id)),
  mappings: mappings.map(({ virtStart, virtEnd, physStart, flags }) => ({ virtStart: hex(virtStart), virtEnd: hex(virtEnd), physStart: hex(physStart), flags })),
  table: table && Object.fromEntries(Object.entries(table).map(([name, value]) => [name, Number(value) > 2 ** 16 ? hex(value) : Number(value)])),
});

const domainsOf = (vmm: Vmm): Domain[] => [...new Set([...vmm.endpoints.values()].flatMap(({ domain }) => domain ?? []))];

/** The live state of the VMM: one row a structure, under the field's name. */
export const structures = (vmm: Vmm): Structure[] => [
  { path: "/counts", sentence: "What is attached, outstanding or waiting, as numbers.", parameters: {}, schema: map(integer()), read: () => ({ ...vmm.counts() }) },
  {
    path: "/endpoints",
    sentence: "Endpoints of the virtio-iommu: the assigned functions.",
    parameters: {},
    schema: list(endpointSchema),
    read: () => [...vmm.endpoints.values()].map(endpointState),
  },
  {
    path: "/domains",
    sentence: "Domains of the virtio-iommu that an endpoint is attached to.",
    parameters: {},
    schema: list(domainSchema),
    read: () => domainsOf(vmm).map(domainState),
  },
  {
    path: "/pending-faults",
    sentence: "Page request groups that the guest has not answered, oldest first.",
    parameters: {},
    schema: list(record({ endpoint: hexString(), grpid: integer(), pasid: orNull(integer()), needsPasid: flag() })),
    read: () =>
      [...vmm.endpoints.values()].flatMap(({ id, outstanding }) => outstanding.map(({ grpid, pasid, needsPasid }) => ({ endpoint: hex(id), grpid, pasid, needsPasid }))),
  },
  {
    path: "/memory-slots",
    sentence: "KVM memory slots: guest RAM and where the VMM has it.",
    parameters: {},
    schema: list(record({ gpa: hexString(), bytes: hexString(), hva: hexString() })),
    read: () => vmm.memorySlots.map(({ gpa, size, hva }) => ({ gpa: hex(gpa), bytes: hex(size), hva: hex(hva) })),
  },
  {
    path: "/virtio-iommu",
    sentence: "The device: features, status and queues of the guest that runs; null: none.",
    parameters: {},
    schema: orNull(
      record({ features: hexString(), status: hexString(), eventBuffers: integer("posted by the guest"), reportsWaiting: integer("for a buffer"), bypass: flag() }),
    ),
    read: () => vmm.virtioIommuState(),
  },
];
