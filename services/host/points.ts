/** Places in the host kernel where the lab can hold a task (interfaces.md, section 8). */
export const points = [
  {
    id: "host.pri-thread.before-report",
    sentence: "A page request left the PRI queue and is about to be reported to the IOMMU core.",
    kind: "hold",
    fields: { sid: "int", grpid: "int", pasid: "int", last: "bool" },
  },
  { id: "host.event-thread.before-report", sentence: "An event record left the event queue.", kind: "hold", fields: { sid: "int", id: "int" } },
  {
    id: "host.dma-fault.before-signal",
    sentence: "A record is in the DMA_FAULT ring; its eventfd is not signalled yet.",
    kind: "hold",
    fields: { fd: "int", head: "int" },
  },
  {
    id: "host.page-response.before-consume",
    sentence: "The response work item is about to take one entry of the ring.",
    kind: "hold",
    fields: { fd: "int", tail: "int" },
  },
  {
    id: "host.page-response.before-pri-resp",
    sentence: "A response matched; CMD_PRI_RESP is not in the command queue yet.",
    kind: "hold",
    fields: { sid: "int", grpid: "int", code: "int" },
  },
  {
    id: "host.command-queue.before-prod",
    sentence: "Commands are in their slots; CMDQ_PROD is not written yet.",
    kind: "hold",
    fields: { prod: "int", commands: "int" },
  },
  { id: "host.ste.between-stores", sentence: "A step of a stream table entry update is synchronised, the next is not stored yet.", kind: "hold", fields: { sid: "int" } },
  {
    id: "host.unmap.before-unpin",
    sentence: "A DMA mapping is out of the tables and caches; its pages are still pinned.",
    kind: "hold",
    fields: { iova: "int", size: "int" },
  },
  { id: "host.device-reset.before-flr", sentence: "A function's state is saved and its reset is about to be initiated.", kind: "hold", fields: { sid: "int" } },
  { id: "host.release.before-unmap", sentence: "A VMM died: its tables are unset, its mappings are not removed yet.", kind: "hold", fields: { vm: "int" } },
] as const;
export type HostPoint = (typeof points)[number]["id"];
