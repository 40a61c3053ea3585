import { silentTracer } from "@faultline/shared/trace/tracer.ts";
import { AddressTranslation } from "@faultline/smmu/core/endpoint/address-translation.ts";
import { ATC_ENTRIES, type AtsMachine, FIRST_SID, PASID, PRIQ_LOG2 } from "./ats-machine.ts";
import type { WalkTables } from "./walk-machine.ts";

/** One measurement: ns of one operation. */
export type Measurement = () => number;

const PAGE = 4096;
/** Pages that the tables do not map: nothing but an invalidation asks for them. */
const INVALIDATED_VA = 0x7d00_0000_0000;
/** Times that what is short is done in one measurement. */
const REPEATS = 8;

function timed(count: number, run: () => void): number {
  const start = process.hrtime.bigint();
  run();
  return Number(process.hrtime.bigint() - start) / count;
}

function meanOf(once: Measurement): number {
  let sum = 0;
  for (let n = 0; n < REPEATS; n++) sum += once();
  return sum / REPEATS;
}

const addressesOf = (tables: WalkTables) => tables.addresses.slice(0, ATC_ENTRIES);

/** Each ATC gets its share of the addresses, so that all scales look up the same number of entries. */
export function atcHits({ accelerators, hardware }: AtsMachine, tables: WalkTables): Measurement {
  const missed = () => {
    throw new Error("the measured access missed the ATC");
  };
  const ports = { tracer: silentTracer, timer: missed, held: () => false, engine: { sha256: missed, gzip: missed }, now: () => 0 };
  const upstream = { memoryRead: missed, memoryWrite: missed, translationRequest: missed, pageRequest: missed, invalidateCompletion: missed };
  const space = { pasid: PASID, priv: false };
  const translations = accelerators.map((fn) => new AddressTranslation(fn.sid, fn.atc, fn.config, upstream, ports));
  const list = addressesOf(tables).map((address, i) => {
    const turn = i % accelerators.length;
    return { address, translation: translations[turn], fn: accelerators[turn] };
  });
  const fill = () => {
    for (const fn of accelerators) fn.atc.clear();
    for (const { address, fn } of list) {
      const completion = hardware.smmu.ats.request(fn.sid, { ...space, exec: false, address: address & ~0xfffn, count: 1, noWrite: false });
      if (completion.status !== "SC") throw new Error(`the bench's pages are not mapped: ${completion.status}`);
      const [{ address: pa, R, W, Exe, U }] = completion.entries;
      fn.atc.fill(PASID, false, address, { address: pa, shift: 12, R, W, Exe, U });
    }
  };
  return () => {
    fill();
    return timed(REPEATS * list.length, () => {
      for (let n = 0; n < REPEATS; n++) for (const { address, translation } of list) translation.translate(space, address, false);
    });
  };
}

/** The floor of an ATC hit: an open-addressed table of typed arrays with the same keys, asked in the same order. */
export function lookups(tables: WalkTables): Measurement {
  const slots = 2 * ATC_ENTRIES;
  const [keys, values] = [new Float64Array(slots), new Float64Array(slots)];
  const pages = Float64Array.from(addressesOf(tables), (va) => Number(va / 4096n));
  const shift = 32 - Math.log2(slots);
  const find = (page: number): number => {
    let slot = Math.imul(page | 0, 0x9e37_79b1) >>> shift;
    while (keys[slot] !== 0 && keys[slot] !== page) slot = (slot + 1) & (slots - 1);
    return slot;
  };
  for (const [i, page] of pages.entries()) {
    const slot = find(page);
    keys[slot] = page;
    values[slot] = i;
  }
  let sum = 0;
  const run = () => {
    for (let n = 0; n < REPEATS; n++) for (const page of pages) sum += values[find(page)];
    if (sum < 0) throw new Error("the lookup was not done"); // keeps the sum, and so the loop, alive
  };
  return () => timed(REPEATS * pages.length, run);
}

export function requests({ accelerators, hardware }: AtsMachine, tables: WalkTables): Measurement {
  const tlps = tables.addresses.map((address, i) => ({
    sid: accelerators[i % accelerators.length].sid,
    tlp: { pasid: PASID, priv: false, exec: false, address: address & ~0xfffn, count: 1, noWrite: false },
  }));
  const run = () => {
    for (const { sid, tlp } of tlps) if (hardware.smmu.ats.request(sid, tlp).status !== "SC") throw new Error("the measured translation request was refused");
  };
  run();
  return () => timed(tlps.length, run);
}

export function transactions({ hardware }: AtsMachine, tables: WalkTables): Measurement {
  const list = tables.addresses.map((address) => ({ sid: FIRST_SID, ssid: PASID, translated: false, address, write: false, priv: false, exec: false }));
  const run = () => {
    for (const access of list) if (typeof hardware.smmu.transact(access) === "string") throw new Error("the measured transaction was refused");
  };
  run();
  return () => timed(list.length, run);
}

/** As many as the queue holds; then software's part, which is not measured: CONS. */
export function pageRequests(machine: AtsMachine): Measurement {
  const { priQueue } = machine.hardware.smmu;
  const { accelerators } = machine;
  const entries = 2 ** PRIQ_LOG2;
  const list = Array.from({ length: entries }, (_, i) => ({
    sid: accelerators[i % accelerators.length].sid,
    pasid: PASID,
    priv: false,
    exec: false,
    read: true,
    write: false,
    last: true,
    prgi: i,
    address: BigInt(INVALIDATED_VA + i * PAGE),
  }));
  const once = (): number => {
    const ns = timed(entries, () => {
      for (const request of list) priQueue.receive(request);
    });
    if (priQueue.overflowActive || !priQueue.queue.full) throw new Error("the measured page requests did not fill the queue");
    machine.write("PRIQ_CONS", priQueue.queue.prod);
    return ns;
  };
  return () => meanOf(once);
}

/** `count` commands, over ATCs that hold 1,024 entries together, so that all scales have the same number; they are refilled before, which is not measured. */
export function invalidations(machine: AtsMachine, log2Pages: number, count: number, sid?: number): Measurement {
  const { accelerators } = machine;
  const held = ATC_ENTRIES / accelerators.length;
  const span = log2Pages >= 52 ? 0 : PAGE * 2 ** log2Pages;
  const list = Array.from({ length: count }, (_, i) => ({
    sid: sid ?? accelerators[i % accelerators.length].sid,
    address: INVALIDATED_VA + Math.floor(i / accelerators.length) * span,
    log2Pages,
  }));
  const once = (): number => {
    for (const { atc } of accelerators) {
      atc.clear();
      for (let page = 0; page < held; page++) {
        atc.fill(PASID, false, BigInt(INVALIDATED_VA + page * PAGE), { address: page * PAGE, shift: 12, R: true, W: true, Exe: false, U: false });
      }
    }
    const consume = machine.invalidations(list);
    const ns = timed(count, consume);
    const gone = accelerators.reduce((sum, { atc }) => sum + held - atc.size, 0);
    const expected = sid === undefined ? Math.min(ATC_ENTRIES, count * 2 ** Math.min(log2Pages, 10)) : 0;
    if (gone !== expected) throw new Error(`the measured invalidations dropped ${gone} entries, not ${expected}`);
    return ns;
  };
  return () => meanOf(once);
}

export function copies(machine: AtsMachine): Measurement {
  return () => {
    machine.accelerators[0].atc.clear();
    machine.copy(0); // fills the ATC
    return timed(REPEATS, () => {
      for (let n = 0; n < REPEATS; n++) machine.copy(0);
    });
  };
}

/** The floor of a copy job: its pages, one after the other, by the memory's own port. */
export function bareCopies(machine: AtsMachine, { memory }: WalkTables): Measurement {
  const { source, destination } = machine.copied();
  const run = () => {
    for (const [i, from] of source.entries()) memory.write(destination[i], memory.read(from, PAGE)!);
  };
  return () =>
    timed(REPEATS, () => {
      for (let n = 0; n < REPEATS; n++) run();
    });
}
