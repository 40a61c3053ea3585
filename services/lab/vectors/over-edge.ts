import { field, registers } from "@faultline/shared/arm-smmu-v3/registers.ts";
import { uint64Bytes, uint64Of } from "@faultline/shared/codec/uint64.ts";
import type { Edge } from "@faultline/shared/edge/edge.ts";
import type { HostToSmmu, SmmuToHost } from "@faultline/shared/edge/smmu.ts";
import { addressMap } from "@faultline/shared/machine/address-map.ts";
import type { ReplayOptions } from "@faultline/shared/shell/endpoint-server.ts";
import type { EndpointClient } from "./endpoint-client.ts";
import { type Access, type Dma, type Replayed, Stuck } from "./replay-machine.ts";

/** Posted bytes that wait for a message of their own. */
const POSTED_BYTES = 4 * 2 ** 20;
/** One posted write: a message stays small. */
const PIECE_BYTES = 2 ** 20;
/** Looks at the command queue without progress after which the SMMU waits for something that a replay does not have. */
const MAX_LOOKS = 200;
/** Writes after which commands are consumed (vectors/smmu/README.md, Replaying). */
const STARTS_WORK = new Set<number>([registers.CR0.offset, registers.CMDQ_PROD.offset, registers.GERRORN.offset]);

/**
 * The SMMU of another process, seen from the host's end of smmu/v1. Memory is reached by posted writes; records that the SMMU posts come up the edge with its
 * messages, and this end stores them, as posted writes that go down again. DMA and reads of memory go by lab/v1 beside the edge, so each of them
 * waits until both directions are empty.
 */
export class OverEdge implements Replayed {
  readonly #edge: Edge<HostToSmmu, SmmuToHost>;
  readonly #endpoint: EndpointClient;
  readonly #ram: ReplayOptions["ram"];
  readonly #limitMs: number;
  /** How everything that waits is told that the process is gone. */
  readonly #waiting = new Set<(why: Error) => void>();
  #lost: Error | null = null;
  /** Something left this end, or was posted here, that the SMMU may not have seen yet. */
  #unseen = false;
  /** The SMMU did something by itself: it may have records that have not come up yet. */
  #maybeRecords = false;
  #postedBytes = 0;

  constructor(edge: Edge<HostToSmmu, SmmuToHost>, endpoint: EndpointClient, ram: ReplayOptions["ram"], limitMs: number) {
    this.#edge = edge;
    this.#endpoint = endpoint;
    this.#ram = ram;
    this.#limitMs = limitMs;
  }

  /** The process is gone: every call rejects with `why`. */
  lose(why: Error): void {
    this.#lost = why;
    for (const reject of this.#waiting) reject(why);
  }

  /** A posted write of the SMMU's arrived with a message: this end stores it. */
  store(address: number, data: Uint8Array): void {
    this.#edge.post(address, data);
    this.#unseen = true;
  }

  async reset(): Promise<void> {
    await this.#settled();
    await this.#within(this.#endpoint.reset());
  }

  async write(offset: number, size: 4 | 8, value: bigint): Promise<void> {
    const body = { kind: "mmioWrite", address: addressMap.smmuRegisters.base + offset, value: uint64Bytes(value).subarray(0, size) } as const;
    while (this.#edge.send(body) === "full") await this.#within(this.#edge.writable());
    this.#unseen = true;
    this.#postedBytes = 0;
    if (STARTS_WORK.has(offset)) await this.#idle();
  }

  async read(offset: number, size: 4 | 8): Promise<bigint> {
    this.#unseen = false; // before the answer, which may bring records
    this.#postedBytes = 0;
    const answer = await this.#within(this.#edge.request({ kind: "mmioRead", address: addressMap.smmuRegisters.base + offset, size }));
    if (answer === "broken") return this.#within(new Promise<never>(() => {})); // whoever watches the process says why
    this.#maybeRecords = false;
    return answer.kind === "mmioReadResult" ? uint64Of(answer.value) : Promise.reject(new Stuck(`a register read was answered by ${answer.kind}`));
  }

  async dma(request: Dma): Promise<Uint8Array | null | "stalled"> {
    await this.#settled();
    this.#maybeRecords = true;
    const [{ ok, data, stalled }] = await this.#within(this.#endpoint.dma([{ ...request, ssid: null, priv: false, exec: false }]));
    return ok ? data : stalled ? "stalled" : null;
  }

  async translate(accesses: readonly Access[]): Promise<(number | null)[]> {
    await this.#settled();
    this.#maybeRecords = true;
    const requests = accesses.map((access) => ({ ...access, priv: false, exec: false, length: 0 }));
    return (await this.#within(this.#endpoint.dma(requests))).map(({ pa }) => pa);
  }

  async writeMemory(address: number, bytes: Uint8Array): Promise<boolean> {
    const { base, size } = this.#ram;
    if (address < base || address + bytes.length > base + size) return false;
    if (this.#maybeRecords) await this.#settled(); // what the SMMU wrote before is in memory before
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) this.#edge.post(address + at, bytes.subarray(at, at + PIECE_BYTES));
    this.#unseen = true;
    this.#postedBytes += bytes.length;
    if (this.#postedBytes > POSTED_BYTES) await this.#look();
    return true;
  }

  async readMemory(address: number, length: number): Promise<Uint8Array | null> {
    await this.#settled();
    return this.#within(this.#endpoint.readMemory(address, length));
  }

  /** A read pushes what was posted ahead of it, and its answer what the SMMU posted. */
  #look(): Promise<bigint> {
    return this.read(registers.CR0.offset, 4);
  }

  /** Nothing is under way in either direction. */
  async #settled(): Promise<void> {
    while (this.#unseen || this.#maybeRecords) await this.#look();
  }

  /** Commands are consumed: the queue is empty, disabled or stopped by an error; or its consumer waits for what will not come. */
  async #idle(): Promise<void> {
    const { IDR1, CR0, CMDQ_BASE, CMDQ_PROD, CMDQ_CONS, GERROR, GERRORN } = registers;
    let last = -1;
    for (let looks = 0; looks < MAX_LOOKS; ) {
      const lows = [IDR1, CR0, CMDQ_BASE, CMDQ_PROD, CMDQ_CONS, GERROR, GERRORN].map(({ offset }) => this.read(offset, 4));
      const [idr1, cr0, base, prod, cons, gerror, gerrorn] = (await Promise.all(lows)).map(Number);
      const pointers = 2 ** (Math.min(field(base, CMDQ_BASE.fields.LOG2SIZE), field(idr1, IDR1.fields.CMDQS)) + 1);
      const stopped = field(gerror ^ gerrorn, GERROR.fields.CMDQ_ERR) !== 0;
      if (field(cr0, CR0.fields.CMDQEN) === 0 || stopped || prod % pointers === cons % pointers) break;
      looks = cons === last ? looks + 1 : 0;
      last = cons;
    }
    this.#maybeRecords = true; // MSIs and records of the commands themselves
  }

  /** Never waits for ever. */
  #within<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#lost) return reject(this.#lost);
      const timer = setTimeout(() => ended(reject, new Stuck(`no answer within ${this.#limitMs / 1000} s`)), this.#limitMs);
      const lost = (why: Error) => ended(reject, why);
      const ended = <V>(settle: (value: V) => void, value: V) => {
        clearTimeout(timer);
        this.#waiting.delete(lost);
        settle(value);
      };
      this.#waiting.add(lost);
      work.then(
        (value) => ended(resolve, value),
        // A call that failed because the process is gone: whoever watches the process says why.
        (error: Error) => (error instanceof Stuck ? ended(reject, error) : undefined),
      );
    });
  }
}
