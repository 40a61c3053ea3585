import { defects as guestDefects } from "@faultline/guest/defects.ts";
import { defects as hostDefects } from "@faultline/host/defects.ts";
import { defects as smmuDefects } from "@faultline/smmu/defects.ts";
import { defects as vmmDefects } from "@faultline/vmm/defects.ts";
import { inputError } from "./errors.ts";

const known: readonly { id: string }[] = [...guestDefects, ...vmmDefects, ...hostDefects, ...smmuDefects];

/** The first id that no service knows; undefined: all are known. */
export const unknownSwitch = (ids: readonly string[]): string | undefined => ids.find((id) => !known.some((defect) => defect.id === id));

/** "RR-09,M-no-job-timeout" as ids; an unknown one is an input error. */
export function switchesOption(flag: string, text: string | undefined): string[] {
  const ids = (text ?? "")
    .split(",")
    .map((id) => id.trim())
    .filter(Boolean);
  const unknown = unknownSwitch(ids);
  if (unknown) throw inputError(`--${flag} ${unknown} is unknown: ${known.map(({ id }) => id).join(", ")}`, flag);
  return ids;
}
