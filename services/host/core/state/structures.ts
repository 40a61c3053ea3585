import { hex } from "@faultline/shared/codec/uint64.ts";
import type { PageRequestFault } from "@faultline/shared/linux/report-device-fault.ts";
import { flag, hexString, integer, list, map, orNull, record, text } from "@faultline/shared/state/schema.ts";
import { notFound, type Structure } from "@faultline/shared/state/structure.ts";
import type { Host } from "../host.ts";
import type { Domain } from "../iommu/domain.ts";
import { PAGE_SIZE } from "../mm/frames.ts";
import type { OpenFile } from "../process.ts";
import type { VfioGroup } from "../vfio/group.ts";

const pendingSchema = record({ sid: hexString(), device: text(), pasid: integer(), grpid: integer(), address: hexString(), flags: integer() });
const groupSchema = record({
  group: integer(),
  device: text("PCI name"),
  sid: hexString(),
  owner: orNull(text("who holds /dev/vfio/N")),
  open: flag("the device fd is open"),
  domain: orNull(integer()),
  ats: flag(),
  pri: flag("the function has PRI"),
  pasidBits: integer(),
  handler: flag("a device fault handler is registered"),
  pending: integer("page requests that wait for their response"),
});
const domainSchema = record({
  domain: integer(),
  vmid: integer(),
  nesting: flag(),
  stage2Root: hexString("PA"),
  stage2Bits: integer("input bits"),
  stage1: record({
    kind: text("bypass, abort or translate"),
    s1ContextPtr: orNull(hexString("GPA of the PASID table")),
    s1Fmt: orNull(integer()),
    s1CdMax: orNull(integer()),
    s1Dss: orNull(integer()),
  }),
  devices: list(hexString("StreamID")),
  mappings: list(record({ iova: hexString("GPA"), bytes: hexString() })),
});
const processSchema = record({ process: text(), fds: list(record({ fd: integer(), file: text() })) });

const domainsOf = (host: Host): Domain[] => [...new Set(host.groups.flatMap(({ container }) => container?.iommu?.domain ?? []))];

function groupState(host: Host, group: VfioGroup) {
  const { master, pci } = group.device;
  const owner = [...host.processes.values()].find((vmm) => vmm === group.owner);
  return {
    group: group.number,
    device: pci.name,
    sid: hex(master.sid),
    owner: owner ? `vmm${owner.vm}` : null,
    open: group.deviceOpen,
    domain: group.container?.iommu?.domain.id ?? null,
    ats: master.atsEnabled,
    pri: master.pri !== null,
    pasidBits: master.ssidBits,
    handler: master.iommu.handler !== null,
    pending: master.iommu.pending.length,
  };
}

function domainState(host: Host, domain: Domain) {
  const { stage1 } = domain;
  const config = stage1.kind === "translate" ? stage1.config : null;
  const iommu = host.groups.find(({ container }) => container?.iommu?.domain === domain)?.container?.iommu;
  return {
    domain: domain.id,
    vmid: domain.vmid,
    nesting: domain.nesting,
    stage2Root: hex(domain.stage2.root),
    stage2Bits: domain.stage2.inputBits,
    stage1: {
      kind: stage1.kind,
      s1ContextPtr: config ? hex(config.s1ContextPtr) : null,
      s1Fmt: config?.s1Fmt ?? null,
      s1CdMax: config?.s1CdMax ?? null,
      s1Dss: config?.s1Dss ?? null,
    },
    devices: [...domain.devices].map(({ master }) => hex(master.sid)),
    mappings: (iommu?.mapped() ?? []).map(({ iova, size }) => ({ iova: hex(iova), bytes: hex(size) })),
  };
}

function fileText(file: OpenFile): string {
  switch (file.kind) {
    case "group":
      return `/dev/vfio/${file.group.number}`;
    case "container":
      return "/dev/vfio/vfio";
    case "device":
      return `vfio-device ${file.device.group.device.pci.name}`;
    case "kvm":
      return "/dev/kvm";
    case "vm":
      return "kvm-vm";
    case "eventfd":
      return "eventfd";
  }
}

const pendingOf = ({ device }: VfioGroup) =>
  device.master.iommu.pending.map(({ pasid, grpid, addr, flags }: PageRequestFault) => ({
    sid: hex(device.master.sid),
    device: device.pci.name,
    pasid,
    grpid,
    address: hex(addr),
    flags,
  }));

/** The live state of the host kernel: one row a structure, under the field's name. */
export const structures = (host: Host): Structure[] => [
  {
    path: "/counts",
    sentence: "What is open, pinned or pending, as numbers: zero but for the frames at boot when no VMM runs.",
    parameters: {},
    schema: map(integer()),
    read: () => ({ ...host.counts() }),
  },
  {
    path: "/groups",
    sentence: "IOMMU groups: the function, who has it, what is enabled.",
    parameters: {},
    schema: list(groupSchema),
    read: () => host.groups.map((group) => groupState(host, group)),
  },
  {
    path: "/groups/{group}",
    sentence: "One IOMMU group.",
    parameters: { group: { is: "number", sentence: "N of /dev/vfio/N" } },
    schema: groupSchema,
    read({ number }) {
      const group = host.groups.find((candidate) => candidate.number === Number(number("group")));
      return group ? groupState(host, group) : notFound("group", `no group ${number("group")}`);
    },
  },
  {
    path: "/domains",
    sentence: "iommu_domains: VMID, stage 2, the guest's stage 1 on top.",
    parameters: {},
    schema: list(domainSchema),
    read: () => domainsOf(host).map((domain) => domainState(host, domain)),
  },
  {
    path: "/pending-faults",
    sentence: "Page requests that wait for a page response, oldest first.",
    parameters: {},
    schema: list(pendingSchema),
    read: () => host.groups.flatMap(pendingOf),
  },
  {
    path: "/processes",
    sentence: "The VMMs as the kernel has them: their file descriptors.",
    parameters: {},
    schema: list(processSchema),
    read: () => [...host.processes.values()].map((vmm) => ({ process: `vmm${vmm.vm}`, fds: vmm.openFiles().map(([fd, file]) => ({ fd, file: fileText(file) })) })),
  },
  {
    path: "/memory",
    sentence: "The page allocator: frames of 4 KiB.",
    parameters: {},
    schema: record({ frameBytes: integer(), total: integer(), allocated: integer(), pinned: integer("sum of pin counts") }),
    read: () => ({ frameBytes: PAGE_SIZE, total: host.frames.total, allocated: host.frames.allocated, pinned: host.frames.pinned }),
  },
  {
    path: "/smmu-driver",
    sentence: "What the arm-smmu-v3 driver found and uses; {} before its probe.",
    parameters: {},
    schema: map({ type: ["integer", "boolean", "string"] }),
    read: () => ({ ...host.smmu?.features }),
  },
];
