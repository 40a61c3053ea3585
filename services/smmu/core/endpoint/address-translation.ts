import { hex } from "@faultline/shared/codec/uint64.ts";
import type { Upstream } from "../link.ts";
import type { Atc, AtcEntry } from "./atc.ts";
import type { ConfigSpace } from "./config-space.ts";
import type { FunctionPorts } from "./ports.ts";

/** Permitted: the entry; "missing": the page must be requested; "aborted": UR or CA, or ATS is off. */
export type Lookup = AtcEntry | "missing" | "aborted";

/** ATC first, then one ATS translation request (PCIe 10.2). */
export class AddressTranslation {
  readonly #sid: number;
  readonly #atc: Atc;
  readonly #config: ConfigSpace;
  readonly #upstream: Upstream;
  readonly #ports: FunctionPorts;

  constructor(sid: number, atc: Atc, config: ConfigSpace, upstream: Upstream, ports: FunctionPorts) {
    this.#sid = sid;
    this.#atc = atc;
    this.#config = config;
    this.#upstream = upstream;
    this.#ports = ports;
  }

  /** Is the page there for this access, as far as the ATC knows? */
  cached(pasid: number | null, priv: boolean, address: bigint, write: boolean): AtcEntry | undefined {
    const entry = this.#atc.lookup(pasid, priv, address);
    return entry && (write ? entry.W : entry.R) ? entry : undefined;
  }

  translate(pasid: number | null, priv: boolean, address: bigint, write: boolean): Lookup {
    const hit = this.cached(pasid, priv, address, write);
    if (hit) return hit;
    if (!this.#config.atsEnabled || !this.#config.busMaster || (pasid !== null && !this.#config.pasidEnabled)) return "aborted";
    const page = address & ~0xfffn;
    if (this.#ports.tracer.wants("endpoint.atc-miss")) this.#ports.tracer.emit("endpoint.atc-miss", { sid: hex(this.#sid), pasid: pasid ?? undefined, iova: hex(page) }, { write });
    const completion = this.#upstream.translationRequest({ pasid, priv, exec: false, address: page, count: 1, noWrite: !write });
    if (completion.status !== "SC") return "aborted";
    const [translation] = completion.entries;
    if (!translation || !(write ? translation.W : translation.R)) return "missing";
    const shift = Math.round(Math.log2(translation.sizeBytes));
    const entry: AtcEntry = { address: translation.address, shift, R: translation.R, W: translation.W, Exe: translation.Exe };
    this.#atc.fill(pasid, priv, address, entry);
    if (this.#ports.tracer.wants("endpoint.atc-fill")) {
      this.#ports.tracer.emit("endpoint.atc-fill", { sid: hex(this.#sid), pasid: pasid ?? undefined, iova: hex(page), pa: hex(translation.address) }, { bytes: translation.sizeBytes, R: translation.R, W: translation.W });
    }
    return entry;
  }
}

/** Translated address of `address` under an entry. */
export const translated = (entry: AtcEntry, address: bigint): bigint => BigInt(entry.address) + (address & ((1n << BigInt(entry.shift)) - 1n));
