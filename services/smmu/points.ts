/** Where the lab can hold the hardware between two of its steps, and what it can condition on. */
export const points = [
  {
    id: "smmu.command-queue.before-command",
    kind: "hardware",
    sentence: "The next command is about to be fetched: CONS stays where it is while this is held.",
    fields: { cons: "int" },
  },
  {
    id: "smmu.endpoint.before-page-request",
    kind: "hardware",
    sentence: "A function is about to send the page requests of a group.",
    fields: { sid: "int", pasid: "int", grpid: "int" },
  },
  {
    id: "smmu.endpoint.before-invalidate-completion",
    kind: "hardware",
    sentence: "A function received an ATS Invalidate Request; while this is held it never completes, and CMD_SYNC waits.",
    fields: { sid: "int", itag: "int" },
  },
] as const;
