/** What the accelerator computes with: given to the core from outside (interfaces.md, section 5). */
export interface AcceleratorEngine {
  sha256(): { update(bytes: Uint8Array): void; digest(): Uint8Array };
  /** An RFC 1952 member. */
  gzip(bytes: Uint8Array): Uint8Array;
}
