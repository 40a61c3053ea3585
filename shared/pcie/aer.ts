/** Advanced Error Reporting extended capability, version 2: offsets from its start (PCIe 7.8.4). Those of a root port are not in an endpoint's. */
export const AER = {
  uncorrectableStatus: 0x04,
  uncorrectableMask: 0x08,
  uncorrectableSeverity: 0x0c,
  correctableStatus: 0x10,
  correctableMask: 0x14,
  control: 0x18,
  headerLog: 0x1c,
  tlpPrefixLog: 0x38,
  sizeBytes: 0x48,
} as const;

/** Bit numbers in the uncorrectable registers (7.8.4.2 to 7.8.4.4), as First Error Pointer counts them. */
export const UNCORRECTABLE = {
  dataLinkProtocol: 4,
  poisonedTlp: 12,
  completionTimeout: 14,
  completerAbort: 15,
  unexpectedCompletion: 16,
  malformedTlp: 18,
  unsupportedRequest: 20,
} as const;
export type UncorrectableError = keyof typeof UNCORRECTABLE;
/** Fatal by default; the others are non-fatal (table 6-5). */
const FATAL: readonly UncorrectableError[] = ["dataLinkProtocol", "malformedTlp"];
const bits = (names: readonly UncorrectableError[]): number => names.reduce((mask, name) => mask + 2 ** UNCORRECTABLE[name], 0);
export const UNCORRECTABLE_BITS = bits(Object.keys(UNCORRECTABLE) as UncorrectableError[]);
export const DEFAULT_SEVERITY = bits(FATAL);

/** Bits in the correctable registers (7.8.4.5, 7.8.4.6). Advisory Non-Fatal is masked by default. */
export const CORRECTABLE = { receiver: 0x1, badTlp: 0x40, badDllp: 0x80, replayRollover: 0x100, replayTimeout: 0x1000, advisoryNonFatal: 0x2000 } as const;
export const CORRECTABLE_BITS = Object.values(CORRECTABLE).reduce((mask, bit) => mask | bit, 0);

/** Advanced Error Capabilities and Control (7.8.4.7). */
export const AER_CONTROL = { firstErrorPointer: 0x1f, tlpPrefixLogPresent: 0x800 } as const;
