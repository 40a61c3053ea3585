import { decodeCommand } from "@faultline/shared/arm-smmu-v3/decode-command.ts";
import { decodeEvent } from "@faultline/shared/arm-smmu-v3/decode-event.ts";
import { PRIQ_ENTRY } from "@faultline/shared/arm-smmu-v3/page-request.ts";
import { increment, indexOf, used } from "@faultline/shared/arm-smmu-v3/queue-pointer.ts";
import { hex } from "@faultline/shared/codec/uint64.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import { doublewords, fieldsOf, fieldValues } from "@faultline/shared/state/fields.ts";
import { flag, hexString, integer, list, orNull, record, text } from "@faultline/shared/state/schema.ts";
import type { Structure } from "@faultline/shared/state/structure.ts";
import type { QueueRegisters } from "../queue-registers.ts";
import type { Smmu } from "../smmu.ts";

const ERROR = { CERROR_NONE: 0, CERROR_ILL: 1, CERROR_ABT: 2, CERROR_ATC_INV_SYNC: 3 };
const nameOf = (names: Record<string, number>, value: number): string => Object.entries(names).find(([, known]) => known === value)?.[0] ?? hex(value);
const OVFLG = 0x8000_0000;
/** CMDQ_CONS.ERR. */
const cerror = (cons: number): string => nameOf(ERROR, (cons >>> 24) & 0x7f);

const entry = record({ index: integer(), address: hexString("PA of the entry"), name: text(), fields: fieldValues, doublewords: list(hexString()) });
const schema = record({
  queue: text(),
  enabled: flag(),
  base: hexString("PA of entry 0"),
  log2Size: integer("entries, as a power of two"),
  prod: hexString(),
  cons: hexString(),
  depth: integer("entries between CONS and PROD; above 2^log2Size the pointers are inconsistent"),
  overflow: flag("OVFLG differs from OVACKFLG: records were lost and nobody has acknowledged it"),
  error: orNull(text()),
  entries: list(entry, "those between CONS and PROD, or with `all` every slot, oldest first"),
});

interface QueueView {
  queue: "CMDQ" | "EVENTQ" | "PRIQ";
  path: string;
  sentence: string;
  enable: number;
  entryBytes: number;
  registers(smmu: Smmu): QueueRegisters;
  decode(bytes: Uint8Array): { name: string; fields: Record<string, string | number> };
}

const views: QueueView[] = [
  {
    queue: "CMDQ",
    path: "/command-queue",
    sentence: "Commands that are written and not consumed (4).",
    enable: 8,
    entryBytes: 16,
    registers: (smmu) => smmu.commandQueue.queue,
    decode: decodeCommand,
  },
  {
    queue: "EVENTQ",
    path: "/event-queue",
    sentence: "Event records that software has not taken (7.2).",
    enable: 4,
    entryBytes: 32,
    registers: (smmu) => smmu.eventQueue.queue,
    decode: decodeEvent,
  },
  {
    queue: "PRIQ",
    path: "/pri-queue",
    sentence: "Page requests that software has not taken (8.1).",
    enable: 2,
    entryBytes: 16,
    registers: (smmu) => smmu.priQueue.queue,
    decode: (bytes) => ({ name: "page-request", fields: fieldsOf(PRIQ_ENTRY, bytes) }),
  },
];

/** CMDQ, EVENTQ and PRIQ: pointers and entries as they stand in memory. Arm IHI 0070 G.b, 3.5. */
export const queueStructures = (smmu: Smmu, memory: PhysicalMemory): Structure[] =>
  views.map((view) => ({
    path: view.path,
    sentence: view.sentence,
    parameters: { all: { is: "number", sentence: "1: consumed slots too, but those that were never written", fallback: "0" } },
    schema,
    read: ({ number }) => queueState(smmu, memory, view, number("all") !== 0n),
  }));

function queueState(smmu: Smmu, memory: PhysicalMemory, view: QueueView, all: boolean) {
  const registers = view.registers(smmu);
  const { prod, cons, log2Size } = registers;
  const depth = used(prod, cons, log2Size);
  const slots = 2 ** log2Size;
  const shown = all ? slots : Math.min(depth, slots);
  const first = all ? increment(prod, log2Size) : cons;
  const written = ({ doublewords: words }: { doublewords: string[] }) => !all || words.some((word) => BigInt(word) !== 0n);
  const entries = Array.from({ length: shown }, (_, i) => {
    const pointer = increment(first, log2Size, all ? i + slots - 1 : i);
    const address = registers.address(pointer);
    const bytes = memory.read(address, view.entryBytes);
    const decoded = bytes ? view.decode(bytes) : { name: "not RAM", fields: {} };
    return { index: indexOf(pointer, log2Size), address: hex(address), ...decoded, doublewords: bytes ? doublewords(bytes) : [] };
  }).filter(written);
  return {
    queue: view.queue,
    enabled: (smmu.regs.low("CR0") & view.enable) !== 0,
    base: hex(registers.address(0)),
    log2Size,
    prod: hex(prod),
    cons: hex(cons),
    depth,
    overflow: view.queue !== "CMDQ" && ((prod ^ cons) & OVFLG) !== 0,
    error: view.queue === "CMDQ" ? cerror(cons) : null,
    entries,
  };
}
