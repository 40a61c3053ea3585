export const vmmEvents = {
  "vmm.ioctl": "A system call of the VMM returned; `name` and its result `ret`.",
  "vmm.system-call": "A system call of the VMM returned; `args` as strace prints them, `ret` a value or -errno.",
  "vmm.fault-drained": "The VMM took a page request out of the DMA fault ring; `flags` are the host's.",
  "vmm.event-used": "A page request went into event buffer `head` of the guest.",
  "vmm.request": "The virtio-iommu executed a request; `status` null: an unknown type, returned unwritten.",
  "vmm.page-response": "The guest answered a page request group; the response goes into the host's ring.",
  "vmm.group-refused": "The VMM itself answered a page request group INVALID: it could not reach the guest, or the guest is gone.",
  "vmm.function-reset": "The guest reset an assigned function: its open groups are closed.",
  "vmm.counts": "What the VMM holds at `phase` baseline, end or released: objects, references, `locks`.",
} as const;
