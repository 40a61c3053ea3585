import { hex } from "@faultline/shared/codec/uint64.ts";
import type { AddressType, Upstream } from "../link.ts";
import type { Atc, AtcEntry } from "./atc.ts";
import type { ConfigSpace } from "./config-space.ts";
import type { FunctionPorts } from "./ports.ts";

/** The address space of an access: `pasid` null = no PASID prefix, then `priv` is false. */
export interface Space {
  pasid: number | null;
  priv: boolean;
}

/** Where to send the access; "missing": the page must be requested; "aborted": UR, CA, or the function may not send it. */
export type Lookup = { at: AddressType; address: bigint } | "missing" | "aborted";

/** ATC first, then one ATS translation request (PCIe 10.2); untranslated while ATS is disabled. Not modelled: an STU above 0. */
export class AddressTranslation {
  readonly #name: string;
  readonly #atc: Atc;
  readonly #config: ConfigSpace;
  readonly #upstream: Upstream;
  readonly #ports: FunctionPorts;

  constructor(sid: number, atc: Atc, config: ConfigSpace, upstream: Upstream, ports: FunctionPorts) {
    this.#name = hex(sid);
    this.#atc = atc;
    this.#config = config;
    this.#upstream = upstream;
    this.#ports = ports;
  }

  /** Does the ATC permit the access now? No TLP is sent. */
  cached({ pasid, priv }: Space, address: bigint, write: boolean): boolean {
    const entry = this.#atc.lookup(pasid, priv, address);
    return entry !== undefined && (write ? entry.W : entry.R);
  }

  /** Sends at most one translation request. The result is for the same step: after it an invalidation may have come. */
  translate({ pasid, priv }: Space, address: bigint, write: boolean): Lookup {
    const config = this.#config;
    if (!config.busMaster || (pasid !== null && !config.pasidEnabled) || (priv && !config.privilegedEnabled)) return "aborted";
    if (!config.atsEnabled) return { at: "untranslated", address };
    const translated = this.#atc.translated(pasid, priv, address, write);
    if (translated !== null) return { at: "translated", address: translated };
    const hit = this.#atc.lookup(pasid, priv, address);
    if (hit && (write ? hit.W : hit.R)) return target(hit, address);
    const page = address & ~0xfffn;
    if (this.#ports.tracer.wants("endpoint.atc-miss"))
      this.#ports.tracer.emit("endpoint.atc-miss", { sid: this.#name, pasid: pasid ?? undefined, iova: hex(page) }, { write });
    const completion = this.#upstream.translationRequest({ pasid, priv, exec: false, address: page, count: 1, noWrite: !write });
    if (completion.status !== "SC") return "aborted";
    const [translation] = completion.entries;
    if (!translation || !(write ? translation.W : translation.R)) return "missing";
    const { R, W, Exe, U, sizeBytes } = translation;
    const entry: AtcEntry = { address: translation.address, shift: Math.round(Math.log2(sizeBytes)), R, W, Exe, U };
    this.#atc.fill(pasid, priv, address, entry);
    if (this.#ports.tracer.wants("endpoint.atc-fill")) {
      const ids = { sid: this.#name, pasid: pasid ?? undefined, iova: hex(page), pa: hex(translation.address) };
      this.#ports.tracer.emit("endpoint.atc-fill", ids, { bytes: sizeBytes, R, W });
    }
    return target(entry, address);
  }
}

/** U = 1: the region is reached by untranslated requests only (PCIe 10.2.3). */
function target(entry: AtcEntry, address: bigint): { at: AddressType; address: bigint } {
  if (entry.U) return { at: "untranslated", address };
  return { at: "translated", address: BigInt(entry.address) + (address & ((1n << BigInt(entry.shift)) - 1n)) };
}
