// Functions that a test evaluates in a page: they are sent there as text, so each stands alone. The program has no types of the DOM; these few are what they use.
interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}
interface PageElement {
  className: string;
  tagName: string;
  namespaceURI: string | null;
  textContent: string | null;
  parentElement: PageElement | null;
  scrollWidth: number;
  clientWidth: number;
  getBoundingClientRect(): Box;
  closest(selector: string): PageElement | null;
  querySelectorAll(selector: string): Iterable<PageElement>;
}
declare const document: PageElement & { documentElement: PageElement; body: PageElement; querySelector(selector: string): PageElement | null };
declare const getComputedStyle: (element: PageElement) => { fill: string; color: string; backgroundColor: string };
declare const innerHeight: number;

/** What is wider than the room it has. */
export function tooWide(selector: string): string[] {
  return [document.documentElement, ...document.querySelectorAll(selector)]
    .filter((element) => element.scrollWidth > element.clientWidth)
    .map((element) => `${element.className || element.tagName}: ${element.scrollWidth} in ${element.clientWidth}`);
}

export function isInView(selector: string): boolean {
  const box = document.querySelector(selector)?.getBoundingClientRect();
  return box !== undefined && box.top >= 0 && box.bottom <= innerHeight;
}

/** Labels of a drawing: how many, those that leave it, and pairs that overlap. */
export function labelsOf(selector: string): { labels: number; outside: string[]; over: string[] } {
  const svg = document.querySelector(selector)!;
  const frame = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll("text")].map((text) => ({ text: text.textContent, box: text.getBoundingClientRect() }));
  const outside = texts.filter(({ box }) => box.left < frame.left || box.right > frame.right || box.top < frame.top || box.bottom > frame.bottom);
  const over: string[] = [];
  for (const [i, a] of texts.entries())
    for (const b of texts.slice(i + 1))
      if (a.box.left < b.box.right && b.box.left < a.box.right && a.box.top < b.box.bottom && b.box.top < a.box.bottom) over.push(`${a.text} / ${b.text}`);
  return { labels: texts.length, outside: outside.map(({ text }) => String(text)), over };
}

/** The contrast of the first element of each kind with its background (WCAG 2.2, contrast ratio); `lit` is painted behind what stands in `inLit`. */
export function contrasts({ kinds, lit, inLit }: { kinds: readonly string[]; lit: string; inLit: string }): [kind: string, ratio: number][] {
  const luminance = (colour: string): number => {
    const [r, g, b] = colour.match(/[\d.]+/g)!.map((part) => {
      const value = Number(part) / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element: PageElement): string => {
    const shade = element.closest(inLit) && document.querySelector(lit);
    if (shade) return getComputedStyle(shade).fill;
    for (let at: PageElement | null = element; at; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at);
      if (backgroundColor !== "rgba(0, 0, 0, 0)") return backgroundColor;
    }
    return getComputedStyle(document.body).backgroundColor;
  };
  return kinds.flatMap((kind): [string, number][] => {
    const element = document.querySelector(kind);
    if (!element) return [];
    const { fill, color } = getComputedStyle(element);
    const [light, dark] = [luminance(element.namespaceURI?.endsWith("svg") ? fill : color), luminance(behind(element))].sort((a, b) => b - a);
    return [[kind, (light + 0.05) / (dark + 0.05)]];
  });
}
