export const points = [
  { id: "vmm.fault-relay.before-drain", sentence: "The fault eventfd was read, the ring not yet drained.", kind: "hold", fields: { endpoint: "string" } },
  { id: "vmm.request-queue.before-request", sentence: "A request was taken from queue 0 and not yet executed.", kind: "hold", fields: { type: "number" } },
] as const;
