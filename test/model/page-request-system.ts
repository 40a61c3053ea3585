import { isDeepStrictEqual } from "node:util";
import { command, EndpointRig, SYNC } from "../conformance/endpoint/endpoint-rig.ts";
import { type Outcome, PageRequestModel } from "./page-request-interface.ts";
import { PriDriver } from "./pri-driver.ts";
import { type Ppar, PriQueueModel, type Request, type Response } from "./pri-queue.ts";

export const ACCELERATORS = [0x08, 0x10] as const;
export const SCRIPTED = 0x18;
const CAPACITY = 12;
const C_BAD_STE = 0x04;

/** The machine and the model side by side: what is done to one is done to the other, and `compare` says where they differ. */
export class PageRequestSystem {
  readonly rig: EndpointRig;
  readonly priq: PriQueueModel;
  readonly functions = new Map<number, PageRequestModel>();
  readonly driver = new PriDriver();
  readonly reach: (row: string) => void;
  /** How the machine ended the groups that the model knows by {function, id}. */
  readonly #ended = new Map<string, Outcome[]>();
  /** Groups whose Last an overflow answered without the PASID that the endpoint requires: it takes no such answer, so only a reset closes them. */
  readonly lost = new Set<string>();
  /** PRG Responses that must come next on the link, in this order. */
  #due: Response[] = [];
  #seen = 0;
  #events = 0;
  /** ATC entries are told apart by the address they lead to. */
  #nextEntry = 1;

  constructor(priqLog2: number, reach: (row: string) => void) {
    this.reach = reach;
    this.rig = new EndpointRig([...ACCELERATORS.map((bdf) => ({ bdf, atc: 6, credits: CAPACITY })), { kind: "scripted", bdf: SCRIPTED }], { priqLog2 });
    this.priq = new PriQueueModel(2 ** priqLog2, reach);
    for (const sid of [...ACCELERATORS, SCRIPTED]) this.ste(sid, 1);
    for (const sid of ACCELERATORS) {
      this.rig.enable(sid, { allocation: CAPACITY });
      this.functions.set(sid, new PageRequestModel(sid, CAPACITY, CAPACITY, reach));
    }
  }

  fn(sid: number): PageRequestModel {
    return this.functions.get(sid) as PageRequestModel;
  }
  ste(sid: number, ppar: Ppar): void {
    this.priq.ppar.set(sid, ppar);
    this.rig.ste(sid, ppar === "no STE" ? { V: 0 } : { PPAR: ppar });
    this.rig.command(command(0x03n | (BigInt(sid) << 32n), 1n), SYNC); // CMD_CFGI_STE
  }

  open(sid: number, pasid: number | null, count: number): void {
    const fn = this.fn(sid);
    if (fn.credits < count) return this.reach("open: no credit");
    const { pages } = this.rig.accelerator(sid);
    let name = "";
    const needs = Array.from({ length: count }, (_, i) => ({ address: BigInt(i) << 12n, read: true, write: false, priv: false }));
    if (!pages.request(pasid, needs, (outcome) => this.#ended.set(name, [...(this.#ended.get(name) ?? []), outcome]))) throw new Error("no PRG index is free");
    const id = fn.open(pages.openGroups().at(-1)!.prgi, pasid, count);
    if (typeof id === "string") throw new Error(id);
    name = `${sid}/${id}`;
  }

  /** CMD_PRI_RESP. */
  respond({ sid, pasid, prgi }: { sid: number; pasid: number | null; prgi: number }, resp: number, bytes: Uint8Array): void {
    if (this.priq.smmuen) this.#due.push({ sid, pasid, prgi, code: [0b1111, 0b0001, 0b0000][resp] });
    else this.reach("response: ignored, SMMUEN = 0");
    this.rig.command(bytes);
  }

  drain(count: number, acknowledge: boolean): void {
    if (!acknowledge) this.reach("driver: drains without acknowledging");
    const overflow = this.priq.overflow;
    const records = this.priq.take(count, acknowledge);
    const real = this.rig.drainPriq({ take: count, acknowledge }).map(({ address: _, ...request }) => request);
    expectSame("records of the PRI queue", real, records);
    this.driver.see(records);
    if (!overflow || !acknowledge) return;
    this.reach("driver: acknowledges an overflow");
    if (this.driver.dropIncomplete() > 0) this.reach("driver: drops incomplete groups after an overflow");
  }

  /** An entry comes into the ATC, which needs ATS enabled; the page leads to an address of its own. */
  fill(sid: number, pasid: number | null, page: number): void {
    const { config, atc } = this.rig.accelerator(sid);
    if (!config.atsEnabled) return;
    atc.fill(pasid, false, BigInt(page) << 12n, { address: this.#nextEntry++ * 4096, shift: 12, R: true, W: true, Exe: false, U: false });
  }
  /** CMD_ATC_INV of 2^size pages, CMD_SYNC, and the function's completion. No entry that it names is there when it completes. */
  invalidate(sid: number, { pasid, global, page, size }: { pasid: number | null; global: boolean; page: number; size: number }): void {
    const { atc } = this.rig.accelerator(sid);
    const before = [...atc.entries()];
    const first = page - (page % 2 ** size);
    const named = before.filter(
      (entry) => entry.address / 4096 >= first && entry.address / 4096 < first + 2 ** size && (pasid === null || (global ? entry.pasid !== null : entry.pasid === pasid)),
    );
    const gone = new Set(named.map(({ entry }) => entry.address));
    const ssv = pasid === null ? 0n : 0x800n | (BigInt(pasid) << 12n) | (global ? 0x200n : 0n);
    this.rig.command(command(0x40n | ssv | (BigInt(sid) << 32n), BigInt(size) | (BigInt(page) << 12n)), SYNC);
    for (let steps = 0; this.rig.unconsumed > 0; steps++) {
      if (steps > 10) throw new Error("CMD_ATC_INV does not complete");
      this.rig.hardware.functions.get(sid)!.step();
      this.rig.command();
    }
    if (!this.priq.smmuen) return; // ignored
    const left = new Set([...atc.entries()].map(({ entry }) => entry.address));
    for (const { entry } of before) {
      const isNamed = gone.has(entry.address);
      if (isNamed === left.has(entry.address)) throw new Error(`an ATC entry ${isNamed ? "survives" : "is lost to"} an invalidation`);
    }
    if (named.length > 0) this.reach("ATC: an invalidation removes entries");
    if (left.size > 0) this.reach("ATC: an invalidation leaves other entries");
    if (pasid === null && named.length > 0) this.reach("ATC: no PASID prefix");
    if (global && pasid !== null && named.length > 0) this.reach("ATC: Global Invalidate");
  }

  /** What passed on the link since the last call goes through the model, which must agree with each message; then every state is compared. */
  compare(): void {
    const { rig } = this;
    for (; this.#seen < rig.link.length; this.#seen++) {
      const tlp = rig.link[this.#seen];
      if (tlp.tlp === "page-request") this.#requested(tlp);
      else if (tlp.tlp === "prg-response") this.#responded(tlp);
    }
    if (this.#due.length > 0) throw new Error(`no response came: ${JSON.stringify(this.#due)}`);
    expectSame("PRIQ_PROD and PRIQ_CONS", [rig.read("PRIQ_PROD"), rig.read("PRIQ_CONS")], this.priq.pointers);
    expectSame("PRIQ_ABT_ERR", (rig.read("GERROR") ^ rig.read("GERRORN")) === 8, this.priq.abortError);
    expectSame("events", rig.events(), Array(this.#events).fill(C_BAD_STE));
    this.#events = 0;
    for (const [sid, model] of this.functions) this.#compareFunction(sid, model);
  }

  #requested({ sid, pasid, prgi, last, read, write }: Request): void {
    const marker = pasid !== null && last && !read && !write;
    const wrong = sid === SCRIPTED || marker ? null : this.fn(sid).sent({ sid, pasid, prgi, last, read, write });
    if (wrong !== null) throw new Error(`function ${sid}: ${wrong}`);
    const fate = this.priq.receive({ sid, pasid, prgi, last, read, write });
    if (fate.written || fate.response === null) return;
    this.#due.push(fate.response);
    const group = this.functions.get(sid)?.groups.get(prgi);
    if (fate.event) this.#events++;
    if (group && fate.response.code === 0 && fate.response.pasid !== group.pasid) this.lost.add(`${sid}/${group.id}`);
  }
  #responded({ sid, pasid, prgi, code }: Response): void {
    expectSame("the PRG Response", { sid, pasid, prgi, code }, this.#due.shift() ?? "no response: nobody asked");
    if (sid !== SCRIPTED) this.fn(sid).respond({ sid, pasid, prgi, code });
  }

  #compareFunction(sid: number, model: PageRequestModel): void {
    const fn = this.rig.accelerator(sid);
    expectSame(`PRI status of ${sid}`, fn.configRead(0x126, 2), model.present ? 0x8000 | model.status : 0xffff);
    expectSame(`outstanding and credits of ${sid}`, [fn.pages.outstanding, fn.pages.credits], [model.outstanding, model.credits]);
    const groups = [...model.groups].map(([prgi, { pasid, pages, sent }]) => ({ prgi, pasid, pages, unsent: pages - sent }));
    const byIndex = (list: { prgi: number }[]) => [...list].sort((a, b) => a.prgi - b.prgi);
    expectSame(`groups of ${sid}`, byIndex(fn.pages.openGroups()), byIndex(groups));
    const outcomes = [...model.outcomes].map(([id, outcome]) => [`${sid}/${id}`, [outcome]] as const).sort();
    expectSame(`ends of the groups of ${sid}`, [...this.#ended].filter(([name]) => name.startsWith(`${sid}/`)).sort(), outcomes);
  }
}

function expectSame(what: string, machine: unknown, model: unknown): void {
  if (!isDeepStrictEqual(machine, model)) throw new Error(`${what}: the machine has ${show(machine)}, the model ${show(model)}`);
}
const show = (value: unknown): string => JSON.stringify(value, (_, v: unknown) => (typeof v === "bigint" ? `${v}n` : v));
