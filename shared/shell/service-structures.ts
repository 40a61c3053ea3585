import type { EdgeStatistics } from "../edge/edge.ts";
import type { Machine } from "../machine/machine.ts";
import { flag, integer, list, orNull, record, text } from "../state/schema.ts";
import type { Structure } from "../state/structure.ts";

const edgeSchema = record({
  direction: text("what this end sends"),
  peer: orNull(text()),
  open: flag(),
  sent: integer(),
  received: integer(),
  full: integer("messages that found no credit"),
  rejected: integer("envelopes of the peer that did not validate"),
  credits: integer("messages that may still be sent without an answer"),
  unanswered: integer("requests that wait for their reply"),
});

/** What every service tells of itself. */
export const serviceStructures = (service: { name: string; machine: Machine; ready(): boolean; edges(): readonly EdgeStatistics[] }): Structure[] => [
  {
    path: "/service",
    sentence: "Who this is, and its edges.",
    parameters: {},
    schema: record({ service: text(), pid: integer(), ready: flag(), edges: list(edgeSchema) }),
    read: () => ({ service: service.name, pid: process.pid, ready: service.ready(), edges: service.edges() }),
  },
  {
    path: "/machine",
    sentence: "The machine file as this service runs it: sizes in bytes, BDFs as numbers.",
    parameters: {},
    schema: { type: "object", additionalProperties: true },
    read: () => service.machine,
  },
];
