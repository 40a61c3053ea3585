import type { Configuration } from "./configuration.ts";
import type { ConfigurationCache } from "./tlb/configuration-cache.ts";

const SLOTS = 2 ** 14;
const NO_SSID = -1;

interface Derived {
  sid: number;
  ssid: number;
  epoch: number;
  configuration: Configuration;
}

/**
 * What was derived from an STE and a CD that the configuration cache holds: checks, tables, tags. Not a cache of the architecture: it answers only as long as nothing
 * has left the configuration cache (`epoch`), so that it never says anything that the configuration cache would not say. Direct-mapped by StreamID and SubstreamID.
 */
export class DerivedConfigurations {
  readonly #cache: ConfigurationCache;
  readonly #slots: (Derived | null)[] = [];

  constructor(cache: ConfigurationCache) {
    this.#cache = cache;
    if (cache.capacity > 0) this.#slots = new Array<Derived | null>(SLOTS).fill(null);
  }

  get(sid: number, ssid: number | null): Configuration | undefined {
    if (this.#cache.capacity === 0) return undefined;
    const key = ssid ?? NO_SSID;
    const derived = this.#slots[slotOf(sid, key)];
    return derived !== null && derived.sid === sid && derived.ssid === key && derived.epoch === this.#cache.epoch ? derived.configuration : undefined;
  }

  /** Kept only when the configuration cache keeps both STE and CD. */
  keep(sid: number, ssid: number | null, configuration: Configuration): void {
    const { ste, cd } = configuration;
    const cache = this.#cache;
    if (cache.ste(sid) !== ste || (cd !== null && cache.cd(sid, configuration.ssid) !== cd)) return;
    const key = ssid ?? NO_SSID;
    this.#slots[slotOf(sid, key)] = { sid, ssid: key, epoch: cache.epoch, configuration };
  }
}

/** SubstreamIDs of a stream that follow each other do not meet. */
const slotOf = (sid: number, ssid: number): number => (Math.imul(sid, 0x9e37_79b1) + ssid) & (SLOTS - 1);
