import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker } from "./checker.ts";
import { pasidText } from "./naming.ts";

/** DATA: what the device wrote is what the CPU reads, each time it was compared: by the lab with its own tools, or by a process of the guest, which speaks only when it differs. */
export const dataEquality: Checker = {
  id: "DATA",
  sentence: "Data that the device wrote equals what the CPU reads.",
  reads: ["guest.data-mismatch", "lab.data-checked"],
  check: (history) =>
    history
      .filter(({ kind, fields }) => kind === "guest.data-mismatch" || fields.equal !== true)
      .map((event) => ({ invariant: "DATA", message: difference(event), events: [event.n] })),
};

const difference = ({ kind, who, ids, fields }: TraceEvent): string =>
  kind === "guest.data-mismatch"
    ? `${who}: endpoint ${ids.endpoint}, ${pasidText(ids.pasid)}, queue ${ids.queue}: ${fields.error}`
    : `${who}: ${fields.what} is ${fields.actual}, expected ${fields.expected}`;
