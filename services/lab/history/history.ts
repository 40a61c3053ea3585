import { createHash } from "node:crypto";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";

/** The version of the lines of `history.ndjson`. */
export const HISTORY_SCHEMA = "faultline-history/1";

/** One event as its line of `history.ndjson`, keys in a fixed order. */
export function historyLine({ n, t, lamport, who, kind, ids, fields, cause }: TraceEvent): string {
  return JSON.stringify({ n, t, lamport, who, kind, ids, fields, cause });
}

/** The whole history as text: a header line that names the schema, then the events. */
export function writeHistory(events: readonly TraceEvent[]): string {
  return `${[JSON.stringify({ schema: HISTORY_SCHEMA }), ...events.map(historyLine)].join("\n")}\n`;
}

/** The events of a `history.ndjson`. Throws a RangeError that names the line when it is none. */
export function readHistory(text: string): TraceEvent[] {
  const [header, ...lines] = text.trimEnd().split("\n");
  if (parse(header, 1).schema !== HISTORY_SCHEMA) throw new RangeError(`line 1: expected {"schema":"${HISTORY_SCHEMA}"}`);
  return lines.map((line, index) => {
    const event = parse(line, index + 2);
    if (typeof event.n !== "number" || typeof event.kind !== "string") throw new RangeError(`line ${index + 2}: not a trace event`);
    return event as unknown as TraceEvent;
  });
}

/** sha256 of the bytes of `history.ndjson`. */
export const historyDigest = (text: string): string => createHash("sha256").update(text).digest("hex");

function parse(line: string, number: number): Record<string, unknown> {
  try {
    return JSON.parse(line);
  } catch {
    throw new RangeError(`line ${number}: not JSON`);
  }
}
