/**
 * Numbers in [0, 1) from the seed of a run, for one purpose: a stream of its own for each rule, so that a rule more does not shift what another one draws
 * (FNV-1a of the purpose into a mulberry32).
 */
export function randomStream(seed: number, purpose: string): () => number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(purpose)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  let state = (hash ^ Math.imul(seed >>> 0, 0x9e3779b1)) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
