import { type Fields, HARDWARE, type HardwarePiece } from "./fault-rule.ts";

/** What conditions of rules on a piece of hardware may name. */
export const hardwareFields: Record<HardwarePiece, Fields> = {
  "smmu:cmdq": { cons: "int" },
  "smmu:eventq": { sid: "int", event: "string" },
  "smmu:priq": { sid: "int", pasid: "int", grpid: "int", last: "bool" },
  "smmu:fetch": { address: "int", bytes: "int" },
  "smmu:interrupt": { source: "string" },
  dram: {},
  "endpoint:": { pasid: "int", grpid: "int", itag: "int" },
};

const ENDPOINT = /^endpoint:([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])$/;

/** The row of `HARDWARE` and, for an endpoint, its BDF as a number; null: no such piece. */
export function hardwarePiece(name: string): { piece: HardwarePiece; sid: number | null } | null {
  const endpoint = ENDPOINT.exec(name);
  if (endpoint) {
    const [bus, device, fn] = endpoint.slice(1).map((digits) => Number.parseInt(digits, 16));
    return device < 32 ? { piece: "endpoint:", sid: (bus << 8) | (device << 3) | fn } : null;
  }
  return name !== "endpoint:" && Object.hasOwn(HARDWARE, name) ? { piece: name as HardwarePiece, sid: null } : null;
}
