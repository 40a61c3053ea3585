import { cpus } from "node:os";
import { type AtsBench, type Figure, measureAts, type Rate } from "./ats.ts";

/** `faultline bench ats`: ATC, ATS, page requests, invalidations and DMA, in this process. */
export function reportAts(rounds: number, json: boolean): number {
  const result = measureAts(rounds);
  const [cpu] = cpus();
  const report = { schema: "faultline-bench/1", machine: { cpus: cpus().length, model: cpu.model, node: process.version }, rounds, ...result };
  process.stdout.write(`${json ? JSON.stringify(report) : text(result, rounds)}\n`);
  return 0;
}

const text = ({ ns, mibPerSecond, ratio, scaling }: AtsBench, rounds: number): string =>
  [
    `ATS, ${rounds} rounds                    median         min   of floor`,
    row("ATC hit, ns", ns.atcHit, ratio.atcHit),
    row("  floor: typed-array lookup", ns.lookup),
    row("translation request, TLB hit", ns.atsHit, ratio.atsHit),
    row("  floor: a transaction", ns.transaction),
    row("translation request, walk", ns.atsWalk),
    row("page request to PRIQ entry", ns.pageRequest),
    row("CMD_ATC_INV of 1 page", ns.atcInv1, ratio.atcInv1),
    row("  floor: to nobody", ns.atcInvNobody),
    row("CMD_ATC_INV of 512 pages", ns.atcInv512),
    row("CMD_ATC_INV of all", ns.atcInvAll),
    row("copy job, MiB/s (most)", best(mibPerSecond.copyJob), ratio.copy),
    row("  floor: bare copy", best(mibPerSecond.bareCopy)),
    ...scaling.flatMap(({ endpoints, atcHit, atsHit, pageRequest, atcInv1 }) => [
      row(`${endpoints} endpoints: ATC hit, ns`, atcHit),
      row(`${endpoints} endpoints: ATS`, atsHit),
      row(`${endpoints} endpoints: page request`, pageRequest),
      row(`${endpoints} endpoints: ATC_INV`, atcInv1),
    ]),
  ].join("\n");

const best = ({ median, max }: Rate): Figure => ({ median, min: max });
const row = (name: string, { median, min }: Figure, ratio: number | null = null): string =>
  `${name.padEnd(32)}${median.toFixed(1).padStart(10)}${min.toFixed(1).padStart(12)}${ratio === null ? "" : ratio.toFixed(2).padStart(11)}`;
