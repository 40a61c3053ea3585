import { errnoName } from "@faultline/shared/linux-uapi/errno.ts";
import type { TraceKind } from "@faultline/shared/trace/trace-events.ts";
import type { TraceEvent, TraceValue } from "@faultline/shared/trace/tracer.ts";
import type { Part } from "../supervisor/parts.ts";
import { pcieKinds, pcieLine } from "./pcie-lines.ts";

/** An edge as `faultline trace` shows it: whose events, of which kinds, and the line of each; null: not shown. One end of an edge sees all that crosses it in one order; two ends' streams have none. */
export interface EdgeView {
  parts: readonly Part["kind"][];
  kinds: readonly TraceKind[];
  line(event: TraceEvent): string | null;
}

/** What the names of errors mean, as strace says it. */
const meanings: Record<string, string> = {
  EIO: "Input/output error",
  EBADF: "Bad file descriptor",
  ENOMEM: "Cannot allocate memory",
  EFAULT: "Bad address",
  EBUSY: "Device or resource busy",
  EEXIST: "File exists",
  ENODEV: "No such device",
  ENOENT: "No such file or directory",
  EINVAL: "Invalid argument",
  EMFILE: "Too many open files",
  ENOTTY: "Inappropriate ioctl for device",
  ENOSPC: "No space left on device",
};
const HVA = 2 ** 20;

function result(ret: number): string {
  if (ret >= 0) return ret >= HVA ? `0x${ret.toString(16)}` : String(ret);
  const name = errnoName(ret).replace(/^-/, "");
  return `-1 ${name}${meanings[name] ? ` (${meanings[name]})` : ""}`;
}

const records = ({ fields }: TraceEvent): readonly string[] => ((fields.records ?? []) as readonly TraceValue[]).map(String);

/** One line in the shape of kernel tracepoints for each record of a message: `guest0 virtio:page-resp-request: endpoint=0x8 pasid=1 grpid=3`. */
function recordLines(edge: string) {
  return (event: TraceEvent): string | null => {
    if (event.fields.edge !== edge) return null;
    const sender = event.kind === "edge.deliver" ? event.fields.peer : event.who;
    const lines = records(event).map((text) => {
      const [record, ...fields] = text.split(" ");
      return `${sender} ${edge}:${record}: ${fields.join(" ")}`.trimEnd();
    });
    return lines.length ? lines.join("\n") : null;
  };
}

export const edgeViews: Record<"vfio" | "virtio" | "smmu" | "pcie", EdgeView> = {
  vfio: {
    parts: ["vmm"],
    kinds: ["vmm.system-call", "edge.deliver"],
    line(event) {
      const { kind, fields } = event;
      if (kind === "vmm.system-call") return `${fields.call}(${(fields.args as readonly TraceValue[]).join(", ")}) = ${result(Number(fields.ret))}`;
      // The other way: an eventfd fires, with the records it publishes.
      if (fields.edge !== "vfio" || fields.kind !== "signal") return null;
      return `--- eventfd signalled${records(event).length ? ` {${records(event).join("; ")}}` : ""} ---`;
    },
  },
  virtio: { parts: ["vmm"], kinds: ["edge.send", "edge.deliver"], line: recordLines("virtio") },
  smmu: { parts: ["host"], kinds: ["edge.send", "edge.deliver"], line: recordLines("smmu") },
  pcie: { parts: ["smmu"], kinds: pcieKinds, line: pcieLine },
};
