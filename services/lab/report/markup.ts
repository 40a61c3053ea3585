const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Text for XML, SVG and HTML, in content and in attributes. Characters that XML 1.0 cannot carry become U+FFFD. */
export const escapeXml = (text: unknown): string =>
  String(text)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced (XML 1.0, 2.2)
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd")
    .replace(/[&<>"']/g, (character) => ENTITIES[character]);

/** Nanoseconds as a person reads them: "709.8 us", "1.2 s". */
export function durationText(ns: number): string {
  const units: [number, string][] = [
    [1e9, "s"],
    [1e6, "ms"],
    [1e3, "us"],
  ];
  const [size, unit] = units.find(([size]) => Math.abs(ns) >= size) ?? [1, "ns"];
  return `${Math.round((ns / size) * 10) / 10} ${unit}`;
}

/** Nanoseconds since the run began as a kernel's log writes them: "[    0.100820]". */
export const stampText = (ns: number): string => `[${(ns / 1e9).toFixed(6).padStart(12)}]`;

/** At most `length` characters; what is cut shows. */
export const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
