const UNIT_NS: Record<string, number> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 };

/** "5ms" as nanoseconds. The text has been checked against the schema. */
export const durationNs = (text: string): number => Number.parseInt(text, 10) * UNIT_NS[text.replace(/\d/g, "")];
