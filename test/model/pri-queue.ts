/** The PRI queue as IHI 0070 G.b, 8 states it, written from the document: no line of the machine is used here. */
export interface Request {
  sid: number;
  pasid: number | null;
  prgi: number;
  last: boolean;
  read: boolean;
  write: boolean;
}
export interface Response {
  sid: number;
  pasid: number | null;
  prgi: number;
  code: number;
}
/** "no STE": it cannot be had. */
export type Ppar = 0 | 1 | "no STE";
/** `event`: the look-up of PPAR failed, which is recorded with REC_CFG_ATS. */
interface Discarded {
  written: false;
  response: Response | null;
  event?: true;
}
type Fate = { written: true } | Discarded;

const SUCCESS = 0b0000,
  FAILURE = 0b1111;
const isStopMarker = (r: Request): boolean => r.pasid !== null && r.last && !r.read && !r.write;

export class PriQueueModel {
  readonly size: number;
  readonly ppar = new Map<number, Ppar>();
  smmuen = true;
  priqen = true;
  /** PRIQ_BASE is an address without memory. */
  unwritable = false;
  abortError = false;
  /** Records from CONS to PROD, oldest first. */
  readonly records: Request[] = [];
  /** Records ever written and taken: PROD and CONS with as many bits as one wants. */
  written = 0;
  taken = 0;
  OVFLG = 0;
  OVACKFLG = 0;
  readonly #reach: (row: string) => void;

  constructor(size: number, reach: (row: string) => void) {
    this.size = size;
    this.#reach = reach;
  }

  get overflow(): boolean {
    return this.OVFLG !== this.OVACKFLG;
  }
  /** PRIQ_PROD and PRIQ_CONS as a read finds them. */
  get pointers(): [number, number] {
    return [(this.written % (2 * this.size)) + this.OVFLG * 2 ** 31, (this.taken % (2 * this.size)) + this.OVACKFLG * 2 ** 31];
  }

  receive(request: Request): Fate {
    const kind = isStopMarker(request) ? "Stop Marker" : request.last ? "Last = 1" : "Last = 0";
    const reach = (row: string) => this.#reach(`${row}: ${kind}`);
    const answer = (pasid: number | null, code: number): Discarded => ({ written: false, response: { sid: request.sid, pasid, prgi: request.prgi, code } });
    const silence: Discarded = { written: false, response: null };
    const failure = kind === "Stop Marker" ? silence : answer(null, FAILURE);
    if (!this.smmuen || !this.priqen || this.abortError) {
      reach(!this.smmuen ? "1 SMMUEN = 0" : !this.priqen ? "1 PRIQEN = 0" : "1 PRIQ_ABT_ERR");
      return failure;
    }
    const full = this.written - this.taken === this.size;
    if (this.overflow) reach(full ? "4 overflow active, queue full" : "4 overflow active, with space");
    else if (full) {
      reach("3 overflow begins");
      this.OVFLG = 1 - this.OVFLG;
    }
    if (this.overflow) return kind === "Last = 1" ? this.#overflowAnswer(request, answer) : silence;
    if (this.unwritable) {
      reach("5 the write aborts");
      this.abortError = true;
      return failure;
    }
    reach("2 written");
    this.written++;
    this.records.push(request);
    return { written: true };
  }

  #overflowAnswer(request: Request, answer: (pasid: number | null, code: number) => Discarded): Discarded {
    if (request.pasid === null) {
      this.#reach("overflow answer: no PASID: Success");
      return answer(null, SUCCESS);
    }
    const ppar = this.ppar.get(request.sid) ?? "no STE";
    if (ppar === "no STE") {
      this.#reach("overflow answer: PASID, no STE: Failure");
      return { ...answer(null, FAILURE), event: true };
    }
    this.#reach(`overflow answer: PASID, PPAR = ${ppar}: Success ${ppar ? "with" : "without"} PASID`);
    return answer(ppar ? request.pasid : null, SUCCESS);
  }

  /** The driver takes up to `count` records, and says with the same write that it saw the overflow. */
  take(count: number, acknowledge: boolean): Request[] {
    const records = this.records.splice(0, count);
    this.taken += records.length;
    if (acknowledge) this.OVACKFLG = this.OVFLG;
    return records;
  }
}
