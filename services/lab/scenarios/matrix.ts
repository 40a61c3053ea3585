/** Every kind of fault (what only lets go or counts is none) against every place where it could happen: the scenario that shows it, or why it cannot bite there. matrix.test.ts holds the shipped scenarios against it. */

export const KINDS = [
  ...["drop", "delay", "duplicate", "reorder", "corrupt-field", "corrupt-bit", "answer", "hold", "replay", "full", "lose-interrupt"],
  ...["stuck", "abort", "flip", "keep", "evict", "never-complete", "rogue", "link-down"],
  ...["kill", "pause", "resume", "restart", "partition"],
] as const;
export const PLACES = [
  ...["guest->vmm", "vmm->guest", "vmm->host", "host->vmm", "host->smmu", "smmu->host"],
  ...["smmu:cmdq", "smmu:eventq", "smmu:priq", "smmu:fetch", "smmu:tlb", "smmu:config", "smmu:interrupt", "dram", "endpoint"],
  ...["point guest", "point vmm", "point host", "point smmu"],
  ...["guest0", "vmm0", "host", "smmu"],
] as const;
export type Kind = (typeof KINDS)[number];
export type Place = (typeof PLACES)[number];
export type Cell = { scenario: string } | { reason: string };

const MESSAGES: readonly Kind[] = ["drop", "duplicate", "reorder", "corrupt-field", "corrupt-bit", "answer", "replay", "lose-interrupt"];
const HARDWARE: readonly Kind[] = ["stuck", "abort", "flip", "keep", "evict", "never-complete", "rogue", "link-down"];
const PARTS: readonly Kind[] = ["kill", "pause", "resume", "restart", "partition"];
const all = (kinds: readonly Kind[], reason: string): Partial<Record<Kind, string>> => Object.fromEntries(kinds.map((kind) => [kind, reason]));

/** What a class of places does not know at all. */
const OF_NO_EDGE = { ...all(HARDWARE, "is a failure of a piece of hardware, not of a message"), ...all(PARTS, "is done to the part at an end of the edge") };
const OF_NO_TASK = {
  ...all(MESSAGES, "is done to a message; a task at a point only waits"),
  full: "is a window of an edge or a queue of the hardware",
  ...all(HARDWARE, "is a failure of a piece of hardware"),
  ...all(PARTS, "is done to the whole part; the sweep kills it at each point in turn"),
};
const OF_NO_PART = {
  ...all(MESSAGES, "is done to a message of one of its edges"),
  delay: "a part that is late as a whole is one that is paused",
  hold: "a part that is held is one that is paused",
  full: "is a window of one of its edges",
  ...all(HARDWARE, "is a failure of a piece of hardware"),
};
const OF_NO_HARDWARE = {
  ...all(MESSAGES, "is done to a message: the edge host->smmu or smmu->host, or a TLP that the function and the SMMU exchange in one step"),
  delay: "hardware is synchronous: what is late is a step, held at a point of smmu",
  hold: "hardware is synchronous: a step is held at a point of smmu",
  ...all(PARTS, "is done to smmu as a whole"),
};
const NO_EVENTS =
  "the accelerator translates by ATS, whose errors the driver does not let be recorded (CR2.REC_CFG_ATS = 0): test/vectors/smmu and services/smmu/core/lab-faults.test.ts";
const ONE_MEMORY = "stores into one mapped ring are seen in order, and old ones do not come back: it is memory of one coherent machine (spec/vfio-uapi.md, 5)";
const ONE_BUS = "posted writes between two agents stay in order, and old ones do not come back (PCIe 2.4.1)";
const IS_NO_INTERRUPT = "is for what wakes somebody: interrupts, signals and used elements";
const BROKEN_CACHE =
  "no hypothesis holds on hardware that keeps what it was told to drop: a mutant that INV-3 names (checkers/mutants.test.ts; services/smmu/core/lab-faults.test.ts)";
const NO_REQUEST = "nothing that goes this way is a request that waits for an answer";

type Row = Partial<Record<Kind, string>>;
/** Per place its scenarios. */
const SCENARIOS: Record<Place, Row> = {
  "guest->vmm": {
    drop: "s31-response-lost",
    delay: "page-resp-late",
    duplicate: "s32-duplicate-response",
    reorder: "page-resp-reordered",
    "corrupt-field": "page-resp-of-another-group",
    "corrupt-bit": "page-resp-code-flipped",
    answer: "invalidate-fails",
    hold: "s32-late-response",
    replay: "page-resp-replayed",
    full: "request-queue-full",
  },
  "vmm->guest": {
    drop: "event-report-lost",
    delay: "event-reports-late",
    duplicate: "event-report-twice",
    reorder: "event-reports-reordered",
    "corrupt-field": "event-report-of-another-page",
    "corrupt-bit": "event-report-last-flipped",
    hold: "event-report-after-reset",
    replay: "event-report-replayed",
    full: "event-queue-full",
    "lose-interrupt": "event-interrupt-lost",
  },
  "vmm->host": {
    drop: "drop-page-response",
    delay: "page-response-late",
    duplicate: "page-response-doubled",
    reorder: "responses-reordered",
    "corrupt-field": "response-with-wrong-group",
    "corrupt-bit": "page-response-version-flipped",
    answer: "cache-invalidate-fails",
    hold: "page-response-after-reset",
    replay: "s32-replayed-response",
    full: "vfio-window-full",
  },
  "host->vmm": {
    drop: "dma-fault-lost",
    delay: "dma-faults-late",
    duplicate: "dma-fault-doubled",
    "corrupt-field": "dma-fault-of-another-group",
    "corrupt-bit": "dma-fault-last-flipped",
    hold: "dma-fault-after-time-out",
    full: "signal-window-full",
    "lose-interrupt": "signal-lost",
  },
  "host->smmu": {
    drop: "pri-resp-lost",
    delay: "commands-late",
    duplicate: "command-doubled",
    "corrupt-field": "command-illegal",
    "corrupt-bit": "pri-resp-bit-flipped",
    answer: "bar-read-aborts",
    full: "smmu-window-full",
  },
  "smmu->host": {
    drop: "priq-record-lost",
    delay: "priq-records-late",
    duplicate: "priq-interrupt-doubled",
    "corrupt-field": "priq-record-of-nobody",
    "corrupt-bit": "priq-record-last-flipped",
    full: "interrupt-window-full",
    "lose-interrupt": "priq-interrupt-lost",
  },
  "smmu:cmdq": { stuck: "command-queue-stuck", abort: "command-fetch-aborts" },
  "smmu:eventq": {},
  "smmu:priq": { full: "priq-full", abort: "priq-write-aborts" },
  "smmu:fetch": { abort: "fetch-aborts" },
  "smmu:tlb": { evict: "caches-evicted" },
  "smmu:config": { evict: "caches-evicted" },
  "smmu:interrupt": { "lose-interrupt": "smmu-interrupt-lost" },
  dram: { flip: "stage-2-bit-flips" },
  endpoint: { stuck: "endpoint-stuck", "never-complete": "s12-invalidation-never-completes", evict: "caches-evicted", rogue: "rogue-endpoint", "link-down": "link-down" },
  "point guest": { delay: "s26-unbind-before-answer", hold: "task-held-in-the-guest" },
  "point vmm": { delay: "s27-fault-in-the-ring", hold: "task-held-in-the-vmm" },
  "point host": { delay: "signals-late", hold: "s25-report-at-release" },
  "point smmu": { delay: "s13-reset-under-invalidation", hold: "step-held-in-the-smmu" },
  guest0: { kill: "guest-dies", pause: "guest-pauses", resume: "guest-pauses", restart: "guest-dies", partition: "guest-is-cut-off" },
  vmm0: { kill: "vmm-dies", pause: "vmm-pauses", resume: "vmm-pauses", restart: "vmm-dies", partition: "vmm-is-cut-off" },
  host: { kill: "host-dies", pause: "host-pauses", resume: "host-pauses", restart: "host-dies", partition: "host-is-cut-off" },
  smmu: { kill: "power-loss", pause: "smmu-pauses", resume: "smmu-pauses", restart: "power-loss", partition: "smmu-is-cut-off" },
};

/** Per place why the rest cannot bite. What it says itself comes before what its class says. */
const REASONS: Record<Place, Row> = {
  "guest->vmm": { ...OF_NO_EDGE, "lose-interrupt": IS_NO_INTERRUPT },
  "vmm->guest": { ...OF_NO_EDGE, answer: NO_REQUEST },
  "vmm->host": { ...OF_NO_EDGE, "lose-interrupt": IS_NO_INTERRUPT },
  "host->vmm": { ...OF_NO_EDGE, reorder: ONE_MEMORY, replay: ONE_MEMORY, answer: NO_REQUEST },
  "host->smmu": {
    ...OF_NO_EDGE,
    reorder: ONE_BUS,
    replay: ONE_BUS,
    hold: "what is held holds all that comes behind it on the bus: it is a delay",
    "lose-interrupt": IS_NO_INTERRUPT,
  },
  "smmu->host": { ...OF_NO_EDGE, reorder: ONE_BUS, replay: ONE_BUS, hold: "what is held holds every completion behind it on the bus: it is a delay", answer: NO_REQUEST },
  "smmu:cmdq": {
    ...OF_NO_HARDWARE,
    ...notOf("the command queue: its memory flips in dram, software sees it full before it writes"),
    "lose-interrupt": "its interrupt is smmu:interrupt's",
  },
  "smmu:eventq": { ...OF_NO_HARDWARE, ...notOf("the event queue"), full: NO_EVENTS, abort: NO_EVENTS },
  "smmu:priq": { ...OF_NO_HARDWARE, ...notOf("the PRI queue"), stuck: "a queue that nobody drains is a thread of the host that is held" },
  "smmu:fetch": {
    ...OF_NO_HARDWARE,
    ...notOf("a fetch"),
    stuck: "a fetch runs to completion within its step",
    flip: "the bit flips in dram just before the fetch, and stays: stage-2-bit-flips; each structure: services/smmu/core/lab-faults.test.ts",
  },
  "smmu:tlb": { ...OF_NO_HARDWARE, ...notOf("a cache"), keep: BROKEN_CACHE },
  "smmu:config": { ...OF_NO_HARDWARE, ...notOf("a cache"), keep: BROKEN_CACHE },
  "smmu:interrupt": { ...OF_NO_HARDWARE, ...notOf("an interrupt"), abort: "an MSI that aborts is MSI_*_ABT_ERR: test/vectors/smmu" },
  dram: { ...OF_NO_HARDWARE, ...notOf("a memory cell"), abort: "memory that aborts an access is the access' own failure: smmu:fetch, smmu:cmdq, smmu:priq" },
  endpoint: {
    ...OF_NO_HARDWARE,
    ...notOf("a function"),
    keep: BROKEN_CACHE,
    full: "its page requests are bounded by credits: FL-I4 and s21-queue-smaller-than-credits",
    abort: "a TLP that aborts is answered by the SMMU: smmu:fetch",
  },
  "point guest": OF_NO_TASK,
  "point vmm": OF_NO_TASK,
  "point host": OF_NO_TASK,
  "point smmu": OF_NO_TASK,
  guest0: OF_NO_PART,
  vmm0: OF_NO_PART,
  host: OF_NO_PART,
  smmu: OF_NO_PART,
};

/** Failures of other pieces of hardware. */
function notOf(what: string): Row {
  return { ...all([...HARDWARE, "full"], `is no failure of ${what}`) };
}

/** The cell of a kind and a place; null: nobody has said anything, which the test refuses. */
export function cellOf(place: Place, kind: Kind): Cell | null {
  const scenario = SCENARIOS[place][kind];
  if (scenario !== undefined) return { scenario };
  const reason = REASONS[place][kind];
  return reason === undefined ? null : { reason };
}
