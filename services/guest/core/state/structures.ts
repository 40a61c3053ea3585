import { hex } from "@faultline/shared/codec/uint64.ts";
import type { PageRequestFault } from "@faultline/shared/linux/report-device-fault.ts";
import { flag, hexString, integer, list, map, orNull, record, text } from "@faultline/shared/state/schema.ts";
import type { Structure } from "@faultline/shared/state/structure.ts";
import type { Guest } from "../guest.ts";
import { PAGE_SIZE } from "../mm/frames.ts";
import type { Mm } from "../mm/mm.ts";

const vmaSchema = record({ start: hexString(), end: hexString("exclusive"), prot: text(), name: text(), present: integer("pages") });
const processSchema = record({
  mm: text(),
  pasid: integer(),
  asid: integer(),
  users: integer(),
  pageTable: hexString("GPA of the stage-1 root"),
  devices: list(hexString("endpoints that it is bound to")),
  present: integer("pages"),
  vmas: list(vmaSchema),
});
const endpointSchema = record({
  endpoint: hexString(),
  domain: orNull(integer()),
  iopf: flag(),
  sva: flag(),
  bonds: integer(),
  pasidBits: integer(),
  pending: integer("page requests reported and not answered"),
  partial: integer("page requests whose group's last one has not come"),
  openGroups: integer("answers that the VMM has not taken yet"),
});

function processState(guest: Guest, mm: Mm) {
  const bound = [...guest.viommu.endpoints.values()].filter(({ bonds }) => bonds.some((bond) => bond.mm === mm));
  const pages = [...mm.present.keys()];
  return {
    mm: mm.name,
    pasid: mm.pasid,
    asid: mm.asid,
    users: mm.mm_users,
    pageTable: hex(mm.pageTable.root),
    devices: bound.map(({ id }) => hex(id)),
    present: pages.length,
    vmas: mm.vmas.map(({ start, end, prot, name }) => ({
      start: hex(start),
      end: hex(end),
      prot: `${prot.read ? "r" : "-"}${prot.write ? "w" : "-"}${prot.exec ? "x" : "-"}`,
      name,
      present: pages.filter((page) => page >= start && page < end).length,
    })),
  };
}

/** The live state of the guest kernel: one row a structure, under the field's name. */
export const structures = (guest: Guest): Structure[] => [
  { path: "/counts", sentence: "What is bound, pending or allocated, as numbers.", parameters: {}, schema: map(integer()), read: () => ({ ...guest.counts() }) },
  {
    path: "/processes",
    sentence: "Address spaces with a PASID: mappings, present pages, devices they are bound to.",
    parameters: {},
    schema: list(processSchema),
    read: () => guest.viommu.pasids.entries().map(({ mm }) => processState(guest, mm)),
  },
  {
    path: "/pasids",
    sentence: "PASIDs in use.",
    parameters: {},
    schema: list(record({ pasid: integer(), mm: text(), references: integer() })),
    read: () => guest.viommu.pasids.entries().map(({ pasid, mm, references }) => ({ pasid, mm: mm.name, references })),
  },
  {
    path: "/endpoints",
    sentence: "Endpoints of the virtio-iommu as the driver keeps them.",
    parameters: {},
    schema: list(endpointSchema),
    read: () =>
      [...guest.viommu.endpoints.values()].map((endpoint) => ({
        endpoint: hex(endpoint.id),
        domain: endpoint.domain?.id ?? null,
        iopf: endpoint.iopfEnabled,
        sva: endpoint.svaEnabled,
        bonds: endpoint.bonds.length,
        pasidBits: endpoint.properties.pasidBits,
        pending: endpoint.iommu.pending.length,
        partial: guest.viommu.iopfOf(endpoint).partialCount(endpoint.iommu),
        openGroups: endpoint.openGroupTotal,
      })),
  },
  {
    path: "/pending-faults",
    sentence: "Page requests that wait for their response, oldest first.",
    parameters: {},
    schema: list(record({ endpoint: hexString(), pasid: integer(), grpid: integer(), address: hexString(), flags: integer() })),
    read: () =>
      [...guest.viommu.endpoints.values()].flatMap(({ id, iommu }) =>
        iommu.pending.map(({ pasid, grpid, addr, flags }: PageRequestFault) => ({ endpoint: hex(id), pasid, grpid, address: hex(addr), flags })),
      ),
  },
  {
    path: "/memory",
    sentence: "The page allocator: frames of 4 KiB of guest RAM.",
    parameters: {},
    schema: record({ frameBytes: integer(), total: integer(), free: integer() }),
    read: () => ({ frameBytes: PAGE_SIZE, total: guest.frames.total, free: guest.frames.freeCount }),
  },
];
