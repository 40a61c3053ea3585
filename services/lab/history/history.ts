import { createHash } from "node:crypto";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { Ajv } from "ajv";
import { LineEncoder } from "./line-encoder.ts";
import schema from "./schema.json" with { type: "json" };

/** The version of the lines of `history.ndjson`. */
export const HISTORY_SCHEMA = "faultline-history/1";

const isEvent = new Ajv({ allowUnionTypes: true }).compile<TraceEvent>(schema);

const HEADER = JSON.stringify({ schema: HISTORY_SCHEMA });
/** Bytes of most lines, or more. */
const USUAL_LINE = 256;

/** The whole history as the bytes of its file: a header line that names the schema, then a line for each event. */
export function historyBytes(events: readonly TraceEvent[]): Uint8Array {
  const lines = new LineEncoder(USUAL_LINE * (events.length + 1));
  lines.line(HEADER);
  for (const event of events) lines.event(event);
  return lines.bytes;
}

/** `historyBytes` as text. */
export const writeHistory = (events: readonly TraceEvent[]): string => new TextDecoder().decode(historyBytes(events));

/** The events of a `history.ndjson`, in their order. Throws a RangeError that names line and field when it is none. */
export function readHistory(text: string): TraceEvent[] {
  const [header, ...lines] = text.trimEnd().split("\n");
  const { schema: version } = Object(parse(header, 1));
  if (version !== HISTORY_SCHEMA) throw new RangeError(`line 1: expected {"schema":"${HISTORY_SCHEMA}"}`);
  let last = 0;
  return lines.map((line, index) => {
    const number = index + 2;
    const event = parse(line, number);
    if (!isEvent(event)) {
      const [{ instancePath, message }] = isEvent.errors!;
      throw new RangeError(`line ${number}: not a trace event: ${instancePath.slice(1).replaceAll("/", ".") || "it"} ${message}`);
    }
    if (event.n <= last) throw new RangeError(`line ${number}: n ${event.n} is not behind ${last}: a line is missing its place`);
    last = event.n;
    return event;
  });
}

/** sha256 of the bytes of `history.ndjson`. */
export const historyDigest = (history: string | Uint8Array): string => createHash("sha256").update(history).digest("hex");

function parse(line: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new RangeError(`line ${number}: not JSON`);
  }
}
