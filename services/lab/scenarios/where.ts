import { smmuEdge, vfioEdge, virtioEdge } from "@faultline/shared/edge/definitions.ts";
import type { EdgeRecord } from "@faultline/shared/edge/records.ts";

const records: readonly EdgeRecord["record"][] = [
  "command",
  "priq-record",
  "event-record",
  "dma-fault",
  "page-response",
  "event-report",
  "page-resp-request",
  "invalidate-request",
  "request",
];
const edges = [smmuEdge, vfioEdge, virtioEdge];
const directions = edges.flatMap(({ upper, lower }) => [`${upper}->${lower}`, `${lower}->${upper}`]);

/** "vmm->host page-response" as a rule's direction and what; a sentence when it names nothing that crosses an edge. */
export function parseWhere(where: string): { direction: string; what: string } | string {
  const [direction, what, ...rest] = where.split(" ");
  if (!directions.includes(direction)) return `${direction} is no direction: ${directions.join(", ")}`;
  if (!what || rest.length) return "names a direction and one record or message kind";
  const messages = edges.filter(({ upper, lower }) => direction.includes(upper) && direction.includes(lower)).flatMap(({ messages }) => Object.keys(messages));
  return (records as readonly string[]).includes(what) || messages.includes(what)
    ? { direction, what }
    : `${what} does not cross this edge: ${[...records, ...messages].join(", ")}`;
}
