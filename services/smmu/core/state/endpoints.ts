import { ACCELERATOR, QUEUE_BASE, QUEUE_STRIDE, queueRegisters, accelerator as registers } from "@faultline/shared/accelerator/registers.ts";
import { hex, hexBytes, uint64Of } from "@faultline/shared/codec/uint64.ts";
import { HEADER, PRI } from "@faultline/shared/pcie/capabilities.ts";
import { flag, hexString, integer, list, map, orNull, record, text } from "@faultline/shared/state/schema.ts";
import { notFound, type Structure } from "@faultline/shared/state/structure.ts";
import { Accelerator } from "../endpoint/accelerator.ts";
import { ScriptedEndpoint } from "../endpoint/scripted-endpoint.ts";
import type { Hardware } from "../hardware.ts";
import type { PciFunction } from "../link.ts";
import { configRegisters } from "./config-registers.ts";

/** ATC entries of one listing. */
const LIMIT = 1024;
const CONFIG_BYTES = 4096;
const bdfText = (bdf: number): string => `${(bdf >> 8).toString(16).padStart(2, "0")}:${((bdf >> 3) & 0x1f).toString(16).padStart(2, "0")}.${bdf & 7}`;

const summary = record({
  bdf: text("bus:device.function"),
  sid: hexString("StreamID = Requester ID"),
  kind: text("accelerator or scripted"),
  vendor: hexString(),
  device: hexString(),
  busMaster: flag(),
  memory: flag(),
  ats: flag("ATS enabled"),
  pasid: flag("PASID enabled"),
  pri: flag("PRI enabled"),
  priStatus: list(text()),
  allocation: integer("page requests that may be outstanding"),
  outstanding: integer("page requests outstanding"),
  errors: list(text("errors whose AER status is set (PCIe 7.8.4)")),
  atcEntries: orNull(integer("null: the function has no ATC")),
});
const group = record({ prgi: integer(), pasid: orNull(integer()), pages: integer(), unsent: integer() });
const registerMap = map(hexString());
const detail = record({ summary, groups: list(group, "open page request groups"), registers: registerMap, queues: list(registerMap) });

function summaryOf(fn: PciFunction) {
  const accelerator = fn instanceof Accelerator ? fn : null;
  const scripted = fn instanceof ScriptedEndpoint ? fn : null;
  const config = accelerator?.config ?? scripted?.config;
  const status = config?.priStatus ?? 0;
  const flags = { "response failure": PRI.responseFailure, "unexpected PRG index": PRI.unexpectedPrgIndex, stopped: PRI.stopped };
  return {
    bdf: bdfText(fn.sid),
    sid: hex(fn.sid),
    kind: accelerator ? "accelerator" : "scripted",
    vendor: hex(fn.configRead(HEADER.vendorId, 2)),
    device: hex(fn.configRead(HEADER.deviceId, 2)),
    busMaster: config?.busMaster ?? false,
    memory: config?.memoryEnabled ?? false,
    ats: config?.atsEnabled ?? false,
    pasid: config?.pasidEnabled ?? false,
    pri: config?.priEnabled ?? false,
    priStatus: Object.entries(flags).flatMap(([name, bit]) => ((status & bit) !== 0 ? [name] : [])),
    allocation: config?.allocation ?? 0,
    outstanding: accelerator?.pages.outstanding ?? 0,
    errors: config?.detectedErrors ?? [],
    atcEntries: accelerator ? accelerator.atc.size : null,
  };
}

/** Registers of BAR0 as a read would find them. */
function barRegisters(fn: PciFunction, base: number, layout: Record<string, { offset: number; sizeBytes: number }>): Record<string, string> {
  return Object.fromEntries(Object.entries(layout).map(([name, { offset, sizeBytes }]) => [name, hex(uint64Of(fn.barRead(0, base + offset, sizeBytes)))]));
}

/** The PCI functions: what they are, what is enabled, what is outstanding, what their ATC holds. */
export function endpointStructures({ functions, configRead }: Pick<Hardware, "functions" | "configRead">): Structure[] {
  const bdf = { bdf: { is: "number", sentence: "Requester ID, like 0x8" } } as const;
  const find = (value: bigint) => functions.get(Number(value)) ?? notFound("bdf", `no function ${hex(value)}`);
  const isFunction = (found: ReturnType<typeof find>): found is PciFunction => !("refused" in found);
  return [
    { path: "/endpoints", sentence: "Every PCI function.", parameters: {}, schema: list(summary), read: () => [...functions.values()].map(summaryOf) },
    {
      path: "/endpoints/{bdf}",
      sentence: "One function: enables, open groups, registers of BAR0.",
      parameters: bdf,
      schema: detail,
      read({ number }) {
        const fn = find(number("bdf"));
        if (!isFunction(fn)) return fn;
        const accelerator = fn instanceof Accelerator;
        return {
          summary: summaryOf(fn),
          groups: accelerator ? fn.pages.openGroups() : [],
          registers: accelerator ? barRegisters(fn, 0, registers) : {},
          queues: accelerator ? Array.from({ length: ACCELERATOR.queues }, (_, q) => barRegisters(fn, QUEUE_BASE + q * QUEUE_STRIDE, queueRegisters)) : [],
        };
      },
    },
    {
      path: "/atc/{bdf}",
      sentence: "The function's Address Translation Cache (PCIe 10.2); the first 1,024 entries.",
      parameters: bdf,
      schema: record({
        capacity: integer(),
        size: integer(),
        entries: list(
          record({ pasid: orNull(integer()), priv: flag(), iova: hexString(), bytes: hexString(), pa: hexString(), R: flag(), W: flag(), Exe: flag(), U: flag() }),
        ),
      }),
      read({ number }) {
        const fn = find(number("bdf"));
        if (!isFunction(fn)) return fn;
        if (!(fn instanceof Accelerator)) return notFound("bdf", `${bdfText(fn.sid)} has no ATC`);
        const entries = [];
        for (const { pasid, priv, address, entry } of fn.atc.entries()) {
          if (entries.length === LIMIT) break;
          const { shift, R, W, Exe, U } = entry;
          entries.push({ pasid, priv, iova: hex(address), bytes: hex(2 ** shift), pa: hex(entry.address), R, W, Exe, U });
        }
        return { capacity: fn.atc.capacity, size: fn.atc.size, entries };
      },
    },
    {
      path: "/config-space/{bdf}",
      sentence: "The function's configuration space as reads find it: registers of its capabilities by name, and 4,096 bytes of hex.",
      parameters: bdf,
      schema: record({ bdf: text(), capabilities: list(record({ capability: text(), at: hexString(), registers: registerMap })), bytes: text() }),
      read({ number }) {
        const fn = find(number("bdf"));
        if (!isFunction(fn)) return fn;
        const read = (offset: number, size: number) => configRead(fn, offset, size);
        const bytes = Uint8Array.from({ length: CONFIG_BYTES }, (_, offset) => read(offset, 1));
        return { bdf: bdfText(fn.sid), capabilities: configRegisters(read), bytes: hexBytes(bytes) };
      },
    },
  ];
}
