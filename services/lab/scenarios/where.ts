import { smmuEdge, vfioEdge, virtioEdge } from "@faultline/shared/edge/definitions.ts";
import { recordFields } from "@faultline/shared/edge/records.ts";
import { HARDWARE, isEdge, isPoint, type Where } from "@faultline/shared/lab/fault-rule.ts";
import { pointTable } from "./point-table.ts";

const edges = [smmuEdge, vfioEdge, virtioEdge];
const directions = edges.flatMap(({ upper, lower }) => [`${upper}->${lower}`, `${lower}->${upper}`]);
const hardware = Object.keys(HARDWARE);
const PART = /^(smmu|host|(?:vmm|guest)\d+)$/;

/** A part of the machine as a whole. */
export interface PartWhere {
  part: string;
}

/**
 * Where a fault happens, from its text: "vmm->host page-response" (a direction and a record or message kind), "point host.pri-thread.before-report" (or the id alone), "smmu:priq",
 * "endpoint:00:01.0", "dram", or a part: "guest0". A sentence when it names nothing of these.
 */
export function parseWhere(where: string): Where | PartWhere | string {
  if (where.includes("->")) return parseEdge(where);
  if (PART.test(where)) return { part: where };
  const point = where.replace(/^point\s+/, "");
  if (pointTable.some(({ id }) => id === point)) return { point };
  if (hardware.some((piece) => piece === where || (piece.endsWith(":") && where.startsWith(piece)))) return { hardware: where };
  return where.startsWith("point ")
    ? `${point} is no point: npx faultline points lists them`
    : `${where} is no direction with a record or message kind (vmm->host page-response), no point, no hardware (${hardware.join(", ")}BDF) and no part (smmu, host, vmm0, guest0)`;
}

function parseEdge(where: string): Where | string {
  const [direction, what, ...rest] = where.split(" ");
  if (!directions.includes(direction)) return `${direction} is no direction: ${directions.join(", ")}`;
  if (!what || rest.length) return "names a direction and one record or message kind";
  const messages = edges.filter(({ upper, lower }) => direction.includes(upper) && direction.includes(lower)).flatMap(({ messages }) => Object.keys(messages));
  return what in recordFields || messages.includes(what)
    ? { direction, what }
    : `${what} does not cross this edge: ${[...Object.keys(recordFields), ...messages].join(", ")}`;
}

/** The text that `parseWhere` reads. */
export const whereText = (where: Where): string => (isEdge(where) ? `${where.direction} ${where.what}` : isPoint(where) ? `point ${where.point}` : where.hardware);
