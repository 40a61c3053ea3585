/** Index and wrap bit of a queue with 2^log2Size entries. Arm IHI 0070 G.b, 3.5.1: index = value[log2Size-1:0], wrap = value[log2Size]. */
export const indexOf = (pointer: number, log2Size: number): number => pointer & ((1 << log2Size) - 1);
const indexAndWrap = (pointer: number, log2Size: number): number => pointer & ((2 << log2Size) - 1);
/** Index and wrap advance together; bits above them are dropped. */
export const increment = (pointer: number, log2Size: number, by = 1): number => (indexAndWrap(pointer, log2Size) + by) & ((2 << log2Size) - 1);
/** Empty: index and wrap are equal. */
export const isEmpty = (prod: number, cons: number, log2Size: number): boolean => indexAndWrap(prod, log2Size) === indexAndWrap(cons, log2Size);
/** Full: same index, other wrap. */
export const isFull = (prod: number, cons: number, log2Size: number): boolean => indexAndWrap(prod, log2Size) === (indexAndWrap(cons, log2Size) ^ (1 << log2Size));
/** Entries between CONS and PROD; more than 2^log2Size means that the two are inconsistent. */
export const used = (prod: number, cons: number, log2Size: number): number => (indexAndWrap(prod, log2Size) - indexAndWrap(cons, log2Size)) & ((2 << log2Size) - 1);
