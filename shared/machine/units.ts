const UNITS: Record<string, number> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** "48MiB" or a number of bytes; null when it is neither. */
export function parseSize(value: unknown): number | null {
  if (typeof value === "number") return Number.isSafeInteger(value) && value > 0 ? value : null;
  const match = typeof value === "string" ? /^([1-9]\d*)(KiB|MiB|GiB)?$/.exec(value) : null;
  return match ? Number(match[1]) * (match[2] ? UNITS[match[2]] : 1) : null;
}

/** The shortest way to write a size. */
export function formatSize(bytes: number): string {
  for (const unit of ["GiB", "MiB", "KiB"]) if (bytes % UNITS[unit] === 0) return `${bytes / UNITS[unit]}${unit}`;
  return `${bytes}`;
}

/** "00:01.0" as bus << 8 | device << 3 | function; null when it is no BDF. */
export function parseBdf(text: unknown): number | null {
  const match = typeof text === "string" ? /^([0-9a-f]{2}):([01][0-9a-f])\.([0-7])$/.exec(text) : null;
  return match ? (Number.parseInt(match[1], 16) << 8) | (Number.parseInt(match[2], 16) << 3) | Number(match[3]) : null;
}

const hex2 = (value: number): string => value.toString(16).padStart(2, "0");
export const formatBdf = (bdf: number): string => `${hex2(bdf >> 8)}:${hex2((bdf >> 3) & 0x1f)}.${bdf & 7}`;
