/** Places in the guest kernel where the lab can hold a task (interfaces.md, section 8). */
export const points = [
  {
    id: "guest.event-thread.before-report",
    sentence: "The event thread copied a page request and is about to report it to the IOMMU core.",
    kind: "hold",
    fields: { endpoint: "int", pasid: "int", grpid: "int", last: "bool" },
  },
  {
    id: "guest.iopf.before-handle",
    sentence: "A work item of the IOPF queue is about to handle one fault of its group.",
    kind: "hold",
    fields: { endpoint: "int", pasid: "int", grpid: "int" },
  },
  {
    id: "guest.page-response.before-send",
    sentence: "A group is handled; its PAGE_RESP is not on the request queue yet.",
    kind: "hold",
    fields: { endpoint: "int", pasid: "int", grpid: "int", code: "int" },
  },
  {
    id: "guest.bind.before-cd-write",
    sentence: "PASID and ASID are taken and the notifier is registered; the CD is still invalid.",
    kind: "hold",
    fields: { endpoint: "int", pasid: "int" },
  },
  {
    id: "guest.stop-pasid.before-stop",
    sentence: "The driver is about to stop a PASID at the device, which may be at work for it.",
    kind: "hold",
    fields: { endpoint: "int", pasid: "int", queue: "int" },
  },
  {
    id: "guest.unbind.before-drain",
    sentence: "The device uses the PASID no more; its faults may still be on their way.",
    kind: "hold",
    fields: { endpoint: "int", pasid: "int" },
  },
  { id: "guest.unbind.before-clear-cd", sentence: "The PASID is drained; its CD is still valid.", kind: "hold", fields: { endpoint: "int", pasid: "int" } },
  {
    id: "guest.unbind.before-free-pasid",
    sentence: "The CD is invalid, caches are flushed, faults are drained; ASID and PASID are still taken.",
    kind: "hold",
    fields: { endpoint: "int", pasid: "int" },
  },
  { id: "guest.exit.before-release", sentence: "The last user of an address space is gone; the device still walks its tables.", kind: "hold", fields: { pasid: "int" } },
  { id: "guest.exit.before-free", sentence: "Nothing walks the tables of an address space any more; they are not free yet.", kind: "hold", fields: { pasid: "int" } },
  {
    id: "guest.munmap.before-invalidate",
    sentence: "The entries of a mapping are cleared; TLBs and ATCs still have them.",
    kind: "hold",
    fields: { gva: "int", pasid: "int" },
  },
  {
    id: "guest.munmap.before-free",
    sentence: "The invalidation of a mapping is complete; its frames are not free yet.",
    kind: "hold",
    fields: { gva: "int", pasid: "int" },
  },
  {
    id: "guest.job.before-doorbell",
    sentence: "A descriptor is in the ring; the doorbell is not written yet.",
    kind: "hold",
    fields: { endpoint: "int", pasid: "int", queue: "int", tag: "int" },
  },
  { id: "guest.device-reset.before-flr", sentence: "The driver gave a job up and is about to reset the function.", kind: "hold", fields: { endpoint: "int" } },
] as const;
export type GuestPoint = (typeof points)[number]["id"];
