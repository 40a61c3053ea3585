import type { Request, Response } from "./pri-queue.ts";

export type Outcome = "success" | "invalid" | "failure" | "closed";
export interface Group {
  /** The order of opening: a name for the group that no index reuse confuses. */
  id: number;
  pasid: number | null;
  pages: number;
  sent: number;
}
const UPRGI = 2,
  RF = 1,
  STOPPED = 0x100;

/**
 * The page-request interface of a function as PCIe 10.4 and 10.5.2 state it: states of its groups, credits, responses, obligations. Written from the documents.
 * Which PRG index a group gets, and which group sends next, PCIe leaves to the function: the caller tells what was seen, and the model says whether it may be.
 */
export class PageRequestModel {
  readonly sid: number;
  readonly capacity: number;
  allocation: number;
  present = true;
  enabled = true;
  #rf = false;
  #uprgi = false;
  #stopped = false;
  readonly groups = new Map<number, Group>();
  /** How each group that was opened ended, by id; a group that ends twice is a contradiction of the model itself. */
  readonly outcomes = new Map<number, Outcome>();
  #opened = 0;
  readonly #reach: (row: string) => void;

  constructor(sid: number, capacity: number, allocation: number, reach: (row: string) => void) {
    this.sid = sid;
    this.capacity = capacity;
    this.allocation = allocation;
    this.#reach = reach;
  }

  get status(): number {
    return (this.#rf ? RF : 0) | (this.#uprgi ? UPRGI : 0) | (this.#stopped ? STOPPED : 0);
  }
  get outstanding(): number {
    let sum = 0;
    for (const { pages } of this.groups.values()) sum += pages;
    return sum;
  }
  get credits(): number {
    return this.present && this.enabled && !this.#rf ? Math.max(0, Math.min(this.allocation, this.capacity) - this.outstanding) : 0;
  }

  /** A group got index `prgi`. Returns its id, or what is wrong with that. */
  open(prgi: number, pasid: number | null, pages: number): number | string {
    if (this.groups.has(prgi)) return `PRG index ${prgi} is in use`;
    if (prgi < 0 || prgi > 511) return `PRG index ${prgi} has more than nine bits`;
    if (pages > this.credits) return `${pages} requests with ${this.credits} credits`;
    const id = this.#opened++;
    this.groups.set(prgi, { id, pasid, pages, sent: 0 });
    return id;
  }

  /** A request went out. Returns what is wrong with it, or null. */
  sent({ prgi, pasid, last }: Request): string | null {
    const group = this.groups.get(prgi);
    if (!this.present) return "a request of a function that is not there";
    if (!group) return `a request of group ${prgi}, which is not open`;
    if (group.sent === group.pages) return `a request of group ${prgi} after its Last`;
    if (pasid !== group.pasid) return `PASID ${pasid} in a group of PASID ${group.pasid}`;
    group.sent++;
    return last === (group.sent === group.pages) ? null : `request ${group.sent} of ${group.pages} has L = ${Number(last)}`;
  }
  /** Is there a request that must go out in the end? */
  get unsent(): boolean {
    return [...this.groups.values()].some(({ sent, pages }) => sent < pages);
  }

  respond({ pasid, prgi, code }: Response): void {
    if (!this.present) return this.#reach("response: lost, the link is down");
    if (this.#rf) return this.#reach("response: ignored after a Response Failure");
    const group = this.groups.get(prgi);
    if (!group) {
      this.#reach("response: no such group");
      this.#uprgi = true;
    } else if (code !== 0b0000 && code !== 0b0001) {
      this.#reach(
        !this.enabled
          ? "response: Response Failure with PRI disabled"
          : group.sent < group.pages
            ? "response: Response Failure before Last"
            : "response: Response Failure",
      );
      this.#rf = this.#stopped = true;
      this.#closeAll("failure");
    } else if (group.sent < group.pages || group.pasid !== pasid) {
      this.#reach(group.sent < group.pages ? "response: Success before Last" : "response: PASID does not fit");
      this.#uprgi = true;
    } else {
      this.#reach(code === 0 ? "response: Success" : "response: Invalid Request");
      this.#close(prgi, code === 0 ? "success" : "invalid");
      if (!this.enabled && this.groups.size === 0) {
        this.#reach("response: the last one with PRI disabled sets Stopped");
        this.#stopped = true;
      }
    }
  }

  enable(): void {
    if (!this.present || this.enabled) return;
    if (this.#rf) this.#reach("enable: clears RF");
    if (this.#uprgi) this.#reach("enable: clears UPRGI");
    this.enabled = true;
    this.#rf = this.#uprgi = this.#stopped = false;
  }
  disable(): void {
    if (!this.present || !this.enabled) return;
    this.enabled = false;
    this.#reach(this.groups.size > 0 ? "disable: with groups outstanding" : "disable: with nothing outstanding");
    for (const [prgi, { sent, pages }] of [...this.groups]) {
      if (sent === 0) {
        this.#reach("disable: drops a group that was not begun");
        this.#close(prgi, "closed");
      } else if (sent < pages) this.#reach("disable: leaves a group in transmission");
    }
    this.#stopped = this.groups.size === 0;
  }
  /** PRI control with Reset = 1 and Enable as given. */
  reset(enable: boolean): void {
    if (!this.present) return;
    if (enable) return this.#reach("reset: ignored while enabled");
    if (this.enabled) this.disable();
    if (this.groups.size > 0) this.#reach("reset: closes groups");
    this.#closeAll("closed");
    this.#stopped = true;
  }
  /** FLR, and the reset that comes with a link that goes down. */
  functionReset(why: "FLR" | "link down"): void {
    if (!this.present) return;
    if (this.groups.size > 0) this.#reach(`${why}: closes groups`);
    this.#closeAll("closed");
    this.enabled = this.#rf = this.#uprgi = false;
    this.#stopped = true;
    this.allocation = 0;
    this.present = why === "FLR";
  }

  #closeAll(outcome: Outcome): void {
    for (const prgi of [...this.groups.keys()]) this.#close(prgi, outcome);
  }
  #close(prgi: number, outcome: Outcome): void {
    const { id } = this.groups.get(prgi) as Group;
    if (this.outcomes.has(id)) throw new Error(`the model ends group ${id} twice`);
    this.outcomes.set(id, outcome);
    this.groups.delete(prgi);
  }
}
