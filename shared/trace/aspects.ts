import type { TraceKind } from "./trace-events.ts";
import type { TraceFields } from "./tracer.ts";

const named = (field: string) => (fields: TraceFields) => String(fields[field]);

/**
 * Kinds so frequent that a reader says which of them it wants, and by what: the kind of a message, the name of a command, the type of a request, whether a translation gave access. `Tracer.wants` is
 * asked with it.
 */
export const aspects = {
  "edge.send": named("kind"),
  "edge.deliver": named("kind"),
  "command.executed": named("name"),
  "vmm.request": named("type"),
  "ats.translation-request": ({ R, W }) => accessAspect(R === true || W === true),
} as const satisfies Partial<Record<TraceKind, (fields: TraceFields) => string>>;
export type AspectKind = keyof typeof aspects;

export const accessAspect = (access: boolean): "access" | "no-access" => (access ? "access" : "no-access");
