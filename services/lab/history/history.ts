import { createHash } from "node:crypto";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { LineEncoder } from "./line-encoder.ts";

/** The version of the lines of `history.ndjson`. */
export const HISTORY_SCHEMA = "faultline-history/1";

/** Bytes of most lines, or more. */
const USUAL_LINE = 256;

/** The whole history as the bytes of its file: a header line that names the schema, then a line for each event. */
export function historyBytes(events: readonly TraceEvent[]): Uint8Array {
  const lines = new LineEncoder(USUAL_LINE * (events.length + 1));
  lines.line(JSON.stringify({ schema: HISTORY_SCHEMA }));
  for (const event of events) lines.event(event);
  return lines.bytes;
}

/** `historyBytes` as text. */
export const writeHistory = (events: readonly TraceEvent[]): string => new TextDecoder().decode(historyBytes(events));

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
export const historyDigest = (history: string | Uint8Array): string => createHash("sha256").update(history).digest("hex");

function parse(line: string, number: number): Record<string, unknown> {
  try {
    return JSON.parse(line);
  } catch {
    throw new RangeError(`line ${number}: not JSON`);
  }
}
