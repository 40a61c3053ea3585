import * as fc from "fast-check";
import { priResp } from "../conformance/endpoint/endpoint-rig.ts";
import { ACCELERATORS, type PageRequestSystem, SCRIPTED } from "./page-request-system.ts";

const NOWHERE = 0x1_0000_0000;
const CONTROL = 0x124;

/** One thing that happens, to machine and model alike. */
type Act = (system: PageRequestSystem) => void;
class Command implements fc.Command<object, PageRequestSystem> {
  readonly #name: string;
  readonly #act: Act;
  constructor(name: string, act: Act) {
    this.#name = name;
    this.#act = act;
  }
  check(): boolean {
    return true;
  }
  run(_model: object, system: PageRequestSystem): void {
    this.#act(system);
    system.compare();
  }
  toString(): string {
    return this.#name;
  }
}
const act = <T extends object>(name: string, fields: { [K in keyof T]: fc.Arbitrary<T[K]> }, run: (system: PageRequestSystem, fields: T) => void) =>
  fc.record(fields as { [K in keyof T]: fc.Arbitrary<T[K]> }).map((value) => new Command(`${name} ${JSON.stringify(value)}`, (system) => run(system, value as T)));

const sid = fc.constantFrom(...ACCELERATORS);
const pasid = fc.constantFrom<number | null>(0, 1, 5, null);

/** CR0: EVENTQEN, CMDQEN and ATSCHK stay. */
const cr0 = (system: PageRequestSystem): void => system.rig.write("CR0", 0x1c | Number(system.priq.smmuen) | (Number(system.priq.priqen) << 1));

const open = act<{ sid: number; pasid: number | null; pages: number }>("open", { sid, pasid, pages: fc.integer({ min: 1, max: 4 }) }, (system, f) =>
  system.open(f.sid, f.pasid, f.pages),
);
const step = act<{ sid: number; steps: number }>("step", { sid, steps: fc.integer({ min: 1, max: 6 }) }, (system, f) => {
  for (let n = 0; n < f.steps; n++) system.rig.hardware.functions.get(f.sid)!.step();
});
const marker = act<{ sid: number; pasid: number }>("stop marker", { sid, pasid: fc.constantFrom(0, 5) }, (system, f) => {
  if (system.rig.accelerator(f.sid).pages.usable) system.rig.accelerator(f.sid).pages.stopMarker(f.pasid);
});
const lawless = act<{ pasid: number | null; prgi: number; last: boolean; read: boolean; write: boolean }>(
  "a request of the scripted endpoint",
  { pasid, prgi: fc.constantFrom(0, 1, 511), last: fc.boolean(), read: fc.boolean(), write: fc.boolean() },
  (system, { pasid: from, ...request }) => system.rig.scripted(SCRIPTED).pageRequest({ ...(from === null ? {} : { pasid: from }), ...request, address: 0n }),
);
const drain = act<{ count: number; acknowledge: boolean }>("drain", { count: fc.integer({ min: 0, max: 8 }), acknowledge: fc.boolean() }, (system, f) =>
  system.drain(f.count, f.acknowledge),
);
/** To a group that the driver has complete, in any order; 2 is Success and the most frequent. */
const respond = act<{ pick: number; resp: number }>("respond", { pick: fc.nat({ max: 7 }), resp: fc.constantFrom(2, 2, 2, 2, 1, 0) }, (system, { pick, resp }) => {
  const { complete } = system.driver;
  if (complete.length === 0) return;
  const index = pick % complete.length;
  if (index > 0) system.reach("driver: answers groups out of order");
  const group = complete[index];
  if (system.priq.smmuen) complete.splice(index, 1);
  system.respond(group, resp, priResp(group.sid, group.pasid, group.prgi, resp));
});
/** To whatever index and PASID, asked for or not. */
const stray = act<{ sid: number; pasid: number | null; nth: number; resp: number }>(
  "a stray response",
  { sid, pasid, nth: fc.nat({ max: 20 }), resp: fc.constantFrom(2, 1, 2, 0) },
  (system, { sid: to, pasid: with_, nth, resp }) => {
    const indices = [...system.fn(to).groups.keys()];
    const group = { sid: to, pasid: with_, prgi: nth < indices.length ? indices[nth] : nth };
    // Not for a group that it would end by accident while the driver still has to answer it: that would be software's fault twice.
    const open = system.fn(to).groups.get(group.prgi);
    if (open && open.pasid === with_ && open.sent === open.pages && resp !== 0) return;
    system.respond(group, resp, priResp(to, with_, group.prgi, resp));
  },
);
const enable = act<{ sid: number }>("enable PRI", { sid }, (system, f) => {
  system.rig.hardware.functions.get(f.sid)!.configWrite(CONTROL, 2, 1);
  system.fn(f.sid).enable();
});
const disable = act<{ sid: number }>("disable PRI", { sid }, (system, f) => {
  system.rig.hardware.functions.get(f.sid)!.configWrite(CONTROL, 2, 0);
  system.fn(f.sid).disable();
});
const reset = act<{ sid: number; enable: boolean }>("PRI Reset", { sid, enable: fc.boolean() }, (system, f) => {
  const stays = f.enable && system.fn(f.sid).enabled; // Enable = 1 with Reset = 1 would enable a disabled interface
  system.rig.hardware.functions.get(f.sid)!.configWrite(CONTROL, 2, 2 + Number(stays));
  system.fn(f.sid).reset(stays);
});
const flr = act<{ sid: number }>("FLR", { sid }, (system, f) => {
  system.rig.hardware.functions.get(f.sid)!.configWrite(0x48, 2, 0x8000);
  system.fn(f.sid).functionReset("FLR");
});
const unplug = act<{ sid: number }>("link down", { sid }, (system, f) => {
  system.rig.accelerator(f.sid).link("down");
  system.fn(f.sid).functionReset("link down");
});
const setUp = act<{ sid: number; allocation: number }>("link up and set up", { sid, allocation: fc.constantFrom(1, 6, 12, 40) }, (system, f) => {
  const model = system.fn(f.sid);
  if (!model.present) system.rig.accelerator(f.sid).link("up");
  model.present = true;
  if (!model.enabled) model.allocation = f.allocation; // else the write is ignored (10.5.2.5)
  system.rig.enable(f.sid, { allocation: f.allocation });
  model.enable();
});
const smmuen = act<{ on: boolean }>("SMMUEN", { on: fc.boolean() }, (system, f) => {
  system.priq.smmuen = f.on;
  cr0(system);
});
const priqen = act<{ on: boolean }>("PRIQEN", { on: fc.boolean() }, (system, f) => {
  system.priq.priqen = f.on;
  cr0(system);
});
const base = act<{ unwritable: boolean }>("PRIQ_BASE", { unwritable: fc.boolean() }, (system, f) => {
  const { priq, rig } = system;
  const on = priq.priqen;
  priq.priqen = false;
  cr0(system);
  priq.unwritable = f.unwritable;
  rig.write("PRIQ_BASE", (f.unwritable ? NOWHERE : rig.priqBase) + Math.log2(priq.size));
  priq.priqen = on;
  cr0(system);
});
const acknowledge = act<object>("GERRORN", {}, (system) => {
  system.rig.write("GERRORN", system.rig.read("GERROR"));
  system.priq.abortError = false;
});
const ppar = act<{ sid: number; ppar: 0 | 1 | "no STE" }>(
  "STE",
  { sid: fc.constantFrom(...ACCELERATORS, SCRIPTED), ppar: fc.constantFrom<0 | 1 | "no STE">(0, 1, 1, "no STE") },
  (system, f) => system.ste(f.sid, f.ppar),
);
const fill = act<{ sid: number; pasid: number | null; page: number }>("ATC fill", { sid, pasid, page: fc.nat({ max: 7 }) }, (system, f) =>
  system.fill(f.sid, f.pasid, f.page),
);
const invalidate = act<{ sid: number; pasid: number | null; global: boolean; page: number; size: number }>(
  "CMD_ATC_INV",
  { sid, pasid, global: fc.boolean(), page: fc.nat({ max: 7 }), size: fc.constantFrom(0, 1, 2, 52) },
  (system, { sid: to, ...range }) => system.invalidate(to, range),
);
/** Everything is enabled and writable again: what a driver does after trouble. */
const repair = act<object>("repair", {}, (system) => {
  const { priq, rig } = system;
  priq.priqen = false;
  cr0(system);
  rig.write("PRIQ_BASE", rig.priqBase + Math.log2(priq.size));
  priq.unwritable = false;
  rig.write("GERRORN", rig.read("GERROR"));
  priq.abortError = false;
  priq.smmuen = priq.priqen = true;
  cr0(system);
});

/** A schedule: what is usual comes more often. */
export const schedule = fc.commands(
  [
    ...Array.from({ length: 4 }, () => [open, step, step, drain, respond]).flat(),
    ...Array.from({ length: 2 }, () => [lawless, marker, setUp, repair, fill, invalidate]).flat(),
    ...[stray, enable, disable, reset, flr, unplug, smmuen, priqen, base, acknowledge, ppar],
  ],
  { maxCommands: 120, size: "max" },
);

/** After a schedule: everything repaired, every group sent, drained and answered. What is left open must be what a PPAR of 0 lost, and a PRI Reset closes it: every group ended exactly once. */
export function finish(system: PageRequestSystem): void {
  const { rig, driver } = system;
  system.drain(Number.POSITIVE_INFINITY, true);
  system.compare();
  for (const of of [...ACCELERATORS, SCRIPTED]) system.ste(of, 1);
  system.priq.priqen = false;
  cr0(system);
  rig.write("PRIQ_BASE", rig.priqBase + Math.log2(system.priq.size));
  rig.write("GERRORN", rig.read("GERROR"));
  Object.assign(system.priq, { unwritable: false, abortError: false, smmuen: true, priqen: true });
  cr0(system);
  for (let round = 0; round < 200 && ([...system.functions.values()].some(({ unsent }) => unsent) || driver.complete.length > 0); round++) {
    for (const of of ACCELERATORS) rig.hardware.functions.get(of)!.step();
    system.compare();
    system.drain(Number.POSITIVE_INFINITY, true);
    for (const group of driver.complete.splice(0)) system.respond(group, 2, priResp(group.sid, group.pasid, group.prgi, 2));
    system.compare();
  }
  for (const [of, model] of system.functions) {
    for (const { id } of model.groups.values()) if (!system.lost.has(`${of}/${id}`)) throw new Error(`group ${id} of function ${of} was answered by nobody`);
    rig.hardware.functions.get(of)!.configWrite(CONTROL, 2, 2);
    model.reset(false);
  }
  system.compare();
}
