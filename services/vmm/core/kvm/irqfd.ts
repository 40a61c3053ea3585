/** What an eventfd of the VMM triggers: a vector of a guest (KVM_IRQFD), or a thread of the VMM itself. */
export class Irqfds {
  readonly #triggers = new Map<number, () => void>();

  assign(eventfd: number, trigger: () => void): void {
    this.#triggers.set(eventfd, trigger);
  }

  /** The host signalled an eventfd. One that nothing is assigned to is ignored. */
  signal(eventfd: number): void {
    this.#triggers.get(eventfd)?.();
  }
}
