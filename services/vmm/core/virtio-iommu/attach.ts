import { EINVAL } from "@faultline/shared/linux-uapi/errno.ts";
import type { VmOptions } from "@faultline/shared/machine/machine.ts";
import type { Domain } from "./domain.ts";
import type { Endpoint } from "./endpoint.ts";

type Slot = VmOptions["slots"][number];

/**
 * What the host is told for each virtio state of an endpoint (flow.md, S1): always ABORT first, then stage 2, then the new mode. A MAP/UNMAP domain has only its own mappings in stage 2;
 * every other state has guest RAM at its GPA.
 */
export class Attachments {
  readonly domains = new Map<number, Domain>();
  readonly #slots: readonly Slot[];
  readonly #hvaOf: (gpa: number) => number | null;
  /** Config `bypass`: what unattached endpoints do. */
  bypass = true;

  constructor(slots: readonly Slot[], hvaOf: (gpa: number) => number | null) {
    this.#slots = slots;
    this.#hvaOf = hvaOf;
  }

  /** Moves an endpoint into a domain (created when `domain` is new), or out of any (null). All checks are done by the caller; a host refusal leaves the endpoint where it was. 0 or -errno. */
  async attach(endpoint: Endpoint, domain: Domain | null): Promise<number> {
    const from = endpoint.domain;
    if (from === domain) return 0;
    const ret = await this.#switch(endpoint, from, domain);
    if (ret < 0) {
      await this.#switch(endpoint, domain, from);
      return ret;
    }
    this.#leave(endpoint);
    endpoint.domain = domain;
    if (domain) {
      domain.endpoints.add(endpoint);
      this.domains.set(domain.id, domain);
    }
    return 0;
  }

  #leave(endpoint: Endpoint): void {
    const { domain } = endpoint;
    if (!domain) return;
    domain.endpoints.delete(endpoint);
    if (domain.endpoints.size === 0) this.domains.delete(domain.id);
    endpoint.domain = null;
  }

  async #switch(endpoint: Endpoint, from: Domain | null, to: Domain | null): Promise<number> {
    const { container } = endpoint.device;
    let ret = await container.abort();
    if (ret < 0) return ret;
    if (from?.kind === "map" && to?.kind !== "map") ret = (await this.#unmapMappings(endpoint, from)) || (await this.mapRam(endpoint));
    else if (from?.kind !== "map" && to?.kind === "map") ret = (await this.#unmapRam(endpoint)) || (await this.#mapMappings(endpoint, to));
    else if (from?.kind === "map" && to?.kind === "map") ret = (await this.#unmapMappings(endpoint, from)) || (await this.#mapMappings(endpoint, to));
    if (ret < 0) return ret;
    if (to?.table) return container.translate(to.table);
    return to || this.bypass ? container.bypass() : 0; // unattached without bypass: stays ABORT
  }

  async mapRam(endpoint: Endpoint): Promise<number> {
    for (const { gpa, size } of this.#slots) {
      const hva = this.#hvaOf(gpa);
      const ret = hva === null ? -EINVAL : await endpoint.device.container.mapDma(gpa, hva, size);
      if (ret < 0) return ret;
    }
    return 0;
  }
  async #unmapRam(endpoint: Endpoint): Promise<number> {
    for (const { gpa, size } of this.#slots) {
      const ret = await endpoint.device.container.unmapDma(gpa, size);
      if (ret < 0) return ret;
    }
    return 0;
  }
  async #mapMappings(endpoint: Endpoint, domain: Domain): Promise<number> {
    for (const mapping of domain.mappings) {
      const ret = await this.mapOne(endpoint, mapping);
      if (ret < 0) return ret;
    }
    return 0;
  }
  async #unmapMappings(endpoint: Endpoint, domain: Domain): Promise<number> {
    for (const mapping of domain.mappings) {
      const ret = await this.unmapOne(endpoint, mapping);
      if (ret < 0) return ret;
    }
    return 0;
  }

  /** A mapping without READ and WRITE gives no right and sends nothing to the host. */
  async mapOne(endpoint: Endpoint, mapping: Domain["mappings"][number]): Promise<number> {
    const access = mapping.flags & 3;
    if (access === 0) return 0;
    const hva = this.#hvaOf(Number(mapping.physStart));
    if (hva === null) return -EINVAL;
    return endpoint.device.container.mapDma(mapping.virtStart, hva, mapping.virtEnd - mapping.virtStart + 1n, access);
  }
  unmapOne(endpoint: Endpoint, mapping: Domain["mappings"][number]): Promise<number> {
    return (mapping.flags & 3) === 0 ? Promise.resolve(0) : endpoint.device.container.unmapDma(mapping.virtStart, mapping.virtEnd - mapping.virtStart + 1n);
  }
}
