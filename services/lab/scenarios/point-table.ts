import { points as guestPoints } from "@faultline/guest/points.ts";
import { points as hostPoints } from "@faultline/host/points.ts";
import type { Point } from "@faultline/shared/lab/fault-rule.ts";
import { points as smmuPoints } from "@faultline/smmu/points.ts";
import { points as vmmPoints } from "@faultline/vmm/points.ts";

/** A row of a service's points.ts. */
export interface PointRow extends Point {
  service: "guest" | "vmm" | "host" | "smmu";
}

/** The points of all services, upper ones first (interfaces.md, section 8). */
export const pointTable: readonly PointRow[] = [
  ...guestPoints.map((row) => ({ service: "guest" as const, ...row })),
  ...vmmPoints.map((row) => ({ service: "vmm" as const, ...row })),
  ...hostPoints.map((row) => ({ service: "host" as const, ...row })),
  ...smmuPoints.map((row) => ({ service: "smmu" as const, ...row })),
];
