/** Physical address map of the machine (interfaces.md, section 4). `size` in bytes. */
export const addressMap = {
  smmuRegisters: { base: 0x0905_0000, size: 0x2_0000 },
  gitsTranslater: 0x0808_0040,
  gitsPage: { base: 0x0808_0000, size: 0x1000 },
  barWindow: { base: 0x1000_0000, size: 0x2f00_0000 },
  ecam: { base: 0x3f00_0000, size: 0x0100_0000 },
  /** GPA of the doorbell page that a guest sees; SET_MSI_BINDING joins it to `gitsPage`. */
  guestDoorbell: { base: 0x0808_0000, size: 0x1000 },
} as const;

/** ECAM address of a configuration register. */
export const ecamAddress = (bdf: number, offset: number): number => addressMap.ecam.base + bdf * 4096 + offset;
