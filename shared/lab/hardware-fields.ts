import { type Fields, HARDWARE, type HardwareDo, type HardwarePiece } from "./fault-rule.ts";

/** What conditions of rules on a piece of hardware may name. */
export const hardwareFields: Record<HardwarePiece, Fields> = {
  "smmu:cmdq": { cons: "int" },
  "smmu:eventq": { sid: "int", event: "string" },
  "smmu:priq": { sid: "int", pasid: "int", grpid: "int", last: "bool" },
  /** `what`: L1STD, STE, L1CD, CD or TTD. */
  "smmu:fetch": { what: "string", address: "int", bytes: "int" },
  /** The command. */
  "smmu:tlb": { name: "string", asid: "int", vmid: "int" },
  "smmu:config": { name: "string", sid: "int", pasid: "int" },
  "smmu:interrupt": { source: "string" },
  dram: {},
  "endpoint:": { pasid: "int", grpid: "int", itag: "int", iova: "int" },
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

const BY_THEMSELVES: ReadonlySet<string> = new Set(["evict", "rogue", "link-down"]);
/** It is no access that fails: it happens at its moment. */
export const isByItself = (piece: HardwarePiece, { action }: Pick<HardwareDo, "action">): boolean => BY_THEMSELVES.has(action) || (piece === "dram" && action === "flip");
