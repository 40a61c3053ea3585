import { type CoreOutcome, CoreUnderTest } from "./core-under-test.ts";
import { DrawnMemory, REGION } from "./drawn-memory.ts";
import { idOf, type WalkedAccess, type WalkedMachine } from "./machine.ts";
import type { RandomMachine } from "./random-machine.ts";
import { type Outcome, translate } from "./walker.ts";

const hex = (value: bigint | number) => `0x${value.toString(16)}`;

/** Runs the accesses of a machine in the walker and in the core; the first disagreement in words, or null. */
export function disagreement(machine: RandomMachine, reach: (row: string) => void): string | null {
  const { idr, regs, seed, rates, cached } = machine;
  const id = idOf(idr);
  const memory = new DrawnMemory(seed, id, rates, { cached, E2H: (regs.cr2 & 1) !== 0 });
  const walked: WalkedMachine = {
    id,
    memory,
    reach,
    regs: {
      ATSCHK: id.ATS && (regs.cr0 & 16) !== 0,
      RECINVSID: (regs.cr2 & 2) !== 0,
      REC_CFG_ATS: id.ATS && (regs.cr2 & 8) !== 0,
      E2H: (regs.cr2 & 1) !== 0,
      STRTAB_BASE: regs.STRTAB_BASE,
      STRTAB_BASE_CFG: regs.STRTAB_BASE_CFG,
    },
  };
  const entries = cached ? 64 : 0;
  const core = new CoreUnderTest(idr, regs, { tlb: entries, config: entries, walk: entries }, REGION.eventq);
  for (const access of machine.accesses) {
    const permitted = translate(walked, access);
    // What the walker has read now exists for the core too; what it wrote the core has to write itself.
    for (const [address, value] of memory.drawn) core.memory.words.set(Number(address), value);
    memory.drawn.clear();
    core.memory.strays.clear();
    const result = core.access(access);
    const events = core.events();
    const matched = permitted.find((one) => agrees(one, result, events));
    const went = matched && "pa" in matched;
    const different = [...memory.image].find(([address, value]) => !sameWord(core.memory.words.get(Number(address)), value, !went));
    if (!matched || different) {
      return [
        `access ${words(access)}`,
        `walker ${permitted.map(outcomeWords).join(" or ")}`,
        `core   ${resultWords(result)} ${events.map((event) => `event 0x${event.toString(16).padStart(64, "0")}`).join(" ")}`,
        ...(different ? [`memory at ${hex(different[0])}: walker ${hex(different[1] ?? -1n)}, core ${hex(core.memory.words.get(Number(different[0])) ?? -1n)}`] : []),
        ...(core.memory.strays.size ? [`the core read what the walker did not: ${[...core.memory.strays].slice(0, 4).map(hex).join(" ")}`] : []),
        `ID registers ${Object.entries(idr)
          .map(([name, value]) => `${name} ${hex(value)}`)
          .join(" ")}`,
        ...memory.log.map((line) => `  ${line}`),
      ].join("\n");
    }
    if (!went) for (const [address] of memory.image) memory.store(address, core.memory.words.get(Number(address)) ?? null);
  }
  return null;
}

function agrees(expected: Outcome, result: CoreOutcome, events: bigint[]): boolean {
  if ("pa" in expected) return "pa" in result && result.pa === expected.pa && events.length === 0;
  if ("pa" in result) return false;
  const { end, event } = expected;
  if (events.length !== (event ? 1 : 0)) return false;
  return result.end === end && (!event || ((events[0] ^ event.value) & event.compared) === 0n);
}

const AF = 1n << 10n;
const S2AP_WRITE = 1n << 7n;
/** After a fault AF and the dirty state of stage 2 are UNKNOWN (page-tables.md, section 12). */
const sameWord = (a: bigint | null | undefined, b: bigint | null, faulted: boolean): boolean =>
  a === b || (faulted && typeof a === "bigint" && b !== null && ((a ^ b) & ~(AF | S2AP_WRITE)) === 0n);

const words = (access: WalkedAccess) =>
  Object.entries(access)
    .map(([name, value]) => `${name} ${typeof value === "bigint" ? hex(value) : value}`)
    .join(", ");
const outcomeWords = (one: Outcome) =>
  "pa" in one ? `PA ${hex(one.pa)}` : `${one.end}${one.event ? ` ${one.event.event} 0x${one.event.value.toString(16).padStart(64, "0")}` : ", no event"}`;
const resultWords = (one: CoreOutcome) => ("pa" in one ? `PA ${hex(one.pa)}` : one.end);
