/** Places in the VMM where the lab can hold a task (interfaces.md, section 8). */
export const points = [
  { id: "vmm.fault-relay.before-drain", sentence: "The DMA-fault eventfd was read; the ring is not drained yet.", kind: "hold", fields: { endpoint: "int" } },
  { id: "vmm.request-queue.before-request", sentence: "A request was taken from the request queue and is not executed yet.", kind: "hold", fields: { type: "int" } },
  {
    id: "vmm.function-reset.before-reset",
    sentence: "The guest initiated a function level reset; VFIO_DEVICE_RESET is not called yet.",
    kind: "hold",
    fields: { endpoint: "int" },
  },
  { id: "vmm.guest-death.before-reset", sentence: "The guest is gone; its groups are unanswered and its tables still in use.", kind: "hold", fields: { vm: "int" } },
] as const;
export type VmmPoint = (typeof points)[number]["id"];
