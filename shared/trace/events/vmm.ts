export const vmmEvents = {
  "vmm.ioctl": "The VMM made an ioctl.",
  "vmm.fault-drained": "The VMM took a page request out of the DMA fault ring.",
  "vmm.event-used": "A page request went towards the guest's event queue.",
  "vmm.request": "The virtio-iommu executed a request.",
  "vmm.page-response": "The guest answered a page request group; the response goes into the host's ring.",
  "vmm.function-reset": "The guest reset an assigned function: its open groups are closed.",
} as const;
