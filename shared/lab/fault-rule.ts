/**
 * A fault of the lab as data: where, when, what (design.md, section 6). It crosses lab/v1 and stands in scenario files; load-fault-rules.ts refuses what cannot be,
 * naming rule and field.
 */
export interface FaultRule {
  /** Unique among the rules that are armed together: counts, releases, events and the rule's own random stream go by it. */
  id: string;
  where: Where;
  /** Absent: at every match. */
  when?: When;
  do: Do;
}

/** Messages of one direction, by the kind of a record that they carry or by their own. */
export interface EdgeWhere {
  /** "smmu", "vfio" or "virtio"; absent: the direction alone names the edge. */
  edge?: string;
  /** "vmm->host": the sender's end decides. */
  direction: string;
  /** A record kind (`page-response`) or a message kind (`pwrite`). */
  what: string;
}
/** A named point of a core (points.ts). For `count` also "*" and "host.*". */
export interface PointWhere {
  point: string;
}
/** A piece of hardware: one of `HARDWARE`, or `endpoint:00:01.0`. */
export interface HardwareWhere {
  hardware: string;
}
export type Where = EdgeWhere | PointWhere | HardwareWhere;

/**
 * Which matches become faults. All that are given must agree, tested in this order: condition, at, afterEvent, nth, after, every; then the kernel's fault-injection attributes in the
 * kernel's order: times, space, interval, probability; then intervalNs. A match is a message, a reached point or an access of the hardware that fits `where` and `condition`.
 */
export interface When {
  /** CEL over `m`, the decoded fields of the record, message, point or access; `bit(x, n)` is added. */
  condition?: string;
  /** Nothing before so many nanoseconds after the rule was armed. For what happens by itself: the moment. */
  at?: number;
  /** Nothing before an event of this kind, anywhere in the machine. For what happens by itself (`flip` in DRAM, `evict`, `rogue`, `link-down`): the moment, at the `nth` such event. */
  afterEvent?: string;
  /** The nth match only, from 1. */
  nth?: number;
  /** The first so many matches pass. */
  after?: number;
  /** Every nth match. */
  every?: number;
  /** At most so many faults. */
  times?: number;
  /** A budget in bytes (of a message: its bodies' and posted bytes; elsewhere 1 a match): while more of it is left than the match takes, it is taken and the match passes. */
  space?: number;
  /** Of the matches that got here, every nth goes on. */
  interval?: number;
  /** In percent, an integer from 0 to 100 as in the kernel, drawn from the rule's own stream of the run's seed. */
  probability?: number;
  /** At least so many nanoseconds between two faults. */
  intervalNs?: number;
}

/** When something that was kept goes on: an event of this kind in the trace, or (absent) `release(id)`. Both end with the rules. */
export interface Until {
  until?: string;
}

/** What another rule keeps goes on, whichever part keeps it; what matched passes. The other rule keeps nothing more. */
export interface Release {
  action: "release";
  rule: string;
}

export type EdgeDo =
  | Release
  /** Event and bytes are lost. A lost request is answered with what its sender sees when nobody answers. */
  | { action: "drop" }
  | { action: "delay"; ns: number }
  /** It arrives twice. */
  | { action: "duplicate" }
  /** It leaves behind the next message of its direction. */
  | { action: "reorder" }
  /** A field of the record or message is replaced, or one bit of it is inverted. Text is for numbers beyond 2^53 ("0x..") and for string fields. */
  | { action: "corrupt"; field: string; value: number | string | boolean }
  | { action: "corrupt"; field: string; bit: number }
  /** The lab answers the request; the receiver never sees it. errno (vfio: "EIO" or its number), status (virtio: VIRTIO_IOMMU_S_* or its number), code (smmu: "UR" or "CA"). */
  | { action: "answer"; errno: string | number }
  | { action: "answer"; status: string | number }
  | { action: "answer"; code: "UR" | "CA" }
  | ({ action: "hold" } & Until)
  /** The message passes, and the one that matched `back` matches before it (1) arrives once more behind it. */
  | { action: "replay"; back?: number }
  /** The event is lost, its bytes go with the next message that way. On an interrupt, a signal, or a used element (which then carries no interrupt). */
  | { action: "lose-interrupt" }
  /** From this message on the sender finds the window full, for `ns` or until the event or release. Replies pass. */
  | ({ action: "full"; ns?: number } & Until);

export type PointDo = Release | ({ action: "hold" } & Until) | { action: "delay"; ns: number } | { action: "count" };

export type HardwareDo =
  /** smmu:cmdq: commands are not consumed. endpoint: its page requests stay inside. */
  | ({ action: "stuck" } & Until)
  /** smmu:eventq, smmu:priq: the queue acts as full on this record. */
  | { action: "full" }
  /** smmu:cmdq, smmu:fetch: the fetch aborts. smmu:eventq, smmu:priq: the write aborts. */
  | { action: "abort" }
  /** smmu:interrupt: the message is not sent; its bytes stay posted. */
  | { action: "lose-interrupt" }
  /** dram: bit `bit` (0 to 7) of the byte at the physical address is inverted. smmu:fetch: bit `bit` of the descriptor, in DRAM, just before it is fetched. */
  | { action: "flip"; address?: number | string; bit: number }
  /** smmu:tlb, smmu:config, endpoint: an invalidation is done and leaves the entries that it names. */
  | { action: "keep" }
  /** smmu:tlb (and the walk cache), smmu:config, endpoint: every entry goes that no invalidation named. */
  | { action: "evict" }
  /** endpoint: Invalidate Requests that it has taken in are never completed: the time-out of ATS. */
  | { action: "never-complete" }
  /** endpoint: reads with an AT field of Translated that it was never given. `count` of them from `address` on, a page apart. */
  | { action: "rogue"; address: number | string; count?: number; write?: boolean }
  /** endpoint: the link is down, until the event or release. */
  | ({ action: "link-down" } & Until);

export type Do = EdgeDo | PointDo | HardwareDo;
export type Action = Do["action"];

/** Pieces of hardware that rules name, with the actions that they know; endpoints by their BDF. */
export const HARDWARE = {
  "smmu:cmdq": ["stuck", "abort"],
  "smmu:eventq": ["full", "abort"],
  "smmu:priq": ["full", "abort"],
  "smmu:fetch": ["abort", "flip"],
  "smmu:tlb": ["keep", "evict"],
  "smmu:config": ["keep", "evict"],
  "smmu:interrupt": ["lose-interrupt"],
  dram: ["flip"],
  "endpoint:": ["stuck", "never-complete", "keep", "evict", "rogue", "link-down"],
} as const satisfies Record<string, readonly HardwareDo["action"][]>;
export type HardwarePiece = keyof typeof HARDWARE;

/** What a condition may name, and its type in CEL. */
export type FieldType = "int" | "string" | "bool";
export type Fields = Readonly<Record<string, FieldType>>;

/** One row of a service's points.ts (interfaces.md, section 8). */
export interface Point {
  id: string;
  sentence: string;
  kind: "hold" | "hardware" | "edge";
  fields: Fields;
}

/** Whether it holds for a match; `reads`: the fields that it asks for, the others may be left out. */
export type Condition = ((m: Readonly<Record<string, unknown>>) => boolean) & { reads?: readonly string[] };

/** A rule that was checked: its condition is compiled. */
export interface LoadedRule extends FaultRule {
  condition: Condition | null;
}

/** How often a rule matched and became a fault since it was armed: one that never happened proves nothing. */
export interface RuleCount {
  id: string;
  matches: number;
  fired: number;
}

/** Kinds of events that some rule waits for: whoever runs the rules tells every part of them. */
export const awaitedKinds = (rules: readonly FaultRule[]): ReadonlySet<string> =>
  new Set(rules.flatMap(({ when, do: what }) => [when?.afterEvent, "until" in what ? what.until : undefined].filter((kind) => kind !== undefined)));

export const isEdge = (where: Where): where is EdgeWhere => "direction" in where;
export const isPoint = (where: Where): where is PointWhere => "point" in where;
export const isHardware = (where: Where): where is HardwareWhere => "hardware" in where;
