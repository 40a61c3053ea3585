import { addressMap } from "@faultline/shared/machine/address-map.ts";
import type { Field } from "./field.ts";
import { ID_REGISTERS, identityOfFile } from "./identity.ts";
import { registerAt } from "./vector-file.ts";

/** One moment of an SMMU and its memory, and where accesses go in it. */
export interface ImageFile {
  format: "smmu-image/1";
  /** ID registers by name; those that the file leaves out are not here. */
  identity: Record<string, number>;
  /** In the order in which they are written: CR0 last. */
  registers: RegisterWrite[];
  /** Decoded one by one: an image has 100 MB and more. */
  memory(): Iterable<{ address: number; bytes: Uint8Array }>;
  translations: ImageTranslation[];
}
export interface RegisterWrite {
  offset: number;
  size: 4 | 8;
  value: bigint;
}
export interface ImageTranslation {
  sid: number;
  ssid: number | null;
  iova: bigint;
  write: boolean;
  /** Null: refused. */
  pa: number | null;
}

const CR0 = 0x20;
const GBPA = 0x44;
const GBPA_UPDATE = 1n << 31n;
const IRQ_CTRL = 0x50;
const CMDQ_PROD = 0x98;
const CMDQ_CONS = 0x9c;
const POINTER = 0xf_ffffn;

/** A document of format smmu-image/1 (issue 4). Unknown keys are not looked at. Throws `Malformed`, also while `memory` is read. */
export function imageFile(document: Field): ImageFile {
  const values = registerValues(document.at("registers"));
  const idNames = new Map(Object.entries(ID_REGISTERS).map(([name, offset]) => [offset as number, name]));
  const ids = [...values].flatMap(([offset, field]): [string, Field][] => (idNames.has(offset) ? [[idNames.get(offset)!, field]] : []));
  const memory = document.at("memory").items();
  return {
    format: "smmu-image/1",
    identity: identityOfFile(ids),
    registers: writesOf(values),
    *memory() {
      for (const entry of memory) yield regionOf(entry);
    },
    translations: document.at("translations").items().map(translationOf),
  };
}

/** By offset. Keys that are no number are comments; offsets behind the two pages are other pages' (6.1); one given twice (0x20 and 0x0020) is refused. */
function registerValues(registers: Field): Map<number, Field> {
  const values = new Map<number, Field>();
  for (const [key, field] of registers.members()) {
    if (!/^\d/.test(key)) continue;
    if (!/^(0[xX])?[0-9a-fA-F]{1,8}$/.test(key)) field.refuse("is no register offset in hexadecimal");
    const offset = Number.parseInt(key, 16);
    if (values.has(offset)) field.refuse("names a register for the second time");
    field.integer(64);
    if (offset < addressMap.smmuRegisters.size) values.set(offset, field);
  }
  return values;
}

/**
 * What a driver would write to get there: base registers, then IRQ_CTRL, whose enables close others (6.3.18), then CR0. Read-only registers and
 * offsets without a register are left out.
 */
function writesOf(values: ReadonlyMap<number, Field>): RegisterWrite[] {
  const rank = (offset: number): number => (offset === CR0 ? 2 : offset === IRQ_CTRL ? 1 : 0);
  const writes: RegisterWrite[] = [];
  for (const [offset, field] of [...values].sort(([a], [b]) => rank(a) - rank(b) || a - b)) {
    const named = registerAt(offset);
    if (!named || named[1].access === "RO" || offset % 4 !== 0) continue;
    // Both halves of a 64-bit register may stand for themselves (6.2: two 32-bit writes are equivalent).
    const whole = named[1].sizeBytes === 8 && offset === named[1].offset;
    const wide = whole && (!values.has(offset + 4) || field.integer(64) >= 1n << 32n);
    const value = field.integer(wide ? 64 : 32);
    // 6.3.15: GBPA reads with Update = 0, and takes a value only with Update = 1.
    writes.push({ offset, size: wide ? 8 : 4, value: offset === GBPA ? value | GBPA_UPDATE : value });
  }
  return withEmptyCommandQueue(writes);
}

/** The command queue of an image is empty: where only one pointer is given, or both differ, CONS is at PROD. */
function withEmptyCommandQueue(writes: RegisterWrite[]): RegisterWrite[] {
  const prod = writes.find(({ offset }) => offset === CMDQ_PROD);
  const cons = writes.find(({ offset }) => offset === CMDQ_CONS);
  if (prod && cons) cons.value = (cons.value & ~POINTER) | (prod.value & POINTER);
  else if (prod) writes.unshift({ ...prod, offset: CMDQ_CONS });
  else if (cons) writes.unshift({ ...cons, offset: CMDQ_PROD, value: cons.value & POINTER });
  return writes;
}

function regionOf(entry: Field): { address: number; bytes: Uint8Array } {
  const [pa, data, ...more] = entry.items();
  if (!pa || !data || more.length) entry.refuse('must be ["0xPA", "<base64>"]');
  const address = pa.address();
  const bytes = data.base64();
  if (address + bytes.length > 2 ** 52) entry.refuse("ends above 2^52");
  return { address, bytes };
}

function translationOf(entry: Field): ImageTranslation {
  const ssid = entry.optional("ssid");
  const pa = entry.at("pa");
  return {
    sid: entry.at("sid").number(32),
    // PCIe 6.20.1: a PASID has at most 20 bits.
    ssid: ssid === null || ssid.value === null ? null : ssid.number(20),
    iova: entry.at("iova").integer(64),
    write: entry.at("write").boolean(),
    pa: pa.value === null ? null : pa.address(),
  };
}
