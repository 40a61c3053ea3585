import { defects as guestDefects } from "@faultline/guest/defects.ts";
import { defects as hostDefects } from "@faultline/host/defects.ts";
import { defects as smmuDefects } from "@faultline/smmu/defects.ts";
import { defects as vmmDefects } from "@faultline/vmm/defects.ts";
import { inputError } from "./errors.ts";

const known: readonly { id: string }[] = [...guestDefects, ...vmmDefects, ...hostDefects, ...smmuDefects];

/** The first id that no service knows; undefined: all are known. */
export const unknownSwitch = (ids: readonly string[]): string | undefined => ids.find((id) => !known.some((defect) => defect.id === id));

/** Defects with which no page fault is ever served (closing note of spec/rfc-review.md), and why: with one of them on nothing else would show. */
export const stopTheFlow: ReadonlyMap<string, string> = new Map([
  ["RR-04", "no response has the PASID that the host asks for"],
  ["RR-19", "the guest finds PRI enabled by the host and gives up"],
  ["RR-32", "no endpoint gets a PASID table"],
  ["RR-37", "with a linear table (PASID_SIZE at most 10) the host is given address 0"],
  ["RR-51", "the host refuses a table with more than one context descriptor"],
  ["RR-52", "no context descriptor reaches the hardware"],
  ["RR-53", "the host answers every page request itself"],
  ["RR-87", "a report that fails stops the PRI queue thread"],
  ["RR-89", "no function sends a page request"],
  ["RR-93", "with a table of two levels (PASID_SIZE above 10) no new leaf is seen"],
]);
const AS_POSTED = "as-posted";
/** Every defect of the posted series that still lets the flow run (design.md, section 5). */
const asPosted: readonly string[] = known.map(({ id }) => id).filter((id) => id.startsWith("RR-") && !stopTheFlow.has(id));

/** "RR-09,M-no-job-timeout" as ids; "as-posted" stands for `asPosted`; an unknown one is an input error. */
export function switchesOption(flag: string, text: string | undefined): string[] {
  const ids = (text ?? "")
    .split(",")
    .map((id) => id.trim())
    .filter(Boolean)
    .flatMap((id) => (id === AS_POSTED ? asPosted : [id]));
  const unknown = unknownSwitch(ids);
  if (unknown) throw inputError(`--${flag} ${unknown} is unknown: ${AS_POSTED}, ${known.map(({ id }) => id).join(", ")}`, flag);
  return ids;
}
