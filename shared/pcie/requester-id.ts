/** Requester ID: Bus [15:8], Device [7:3], Function [2:0] (PCIe 2.2.6.2). StreamID and virtio-iommu endpoint id of this machine. */
export const requesterId = (bus: number, device: number, fn: number): number => bus * 256 + device * 8 + fn;

const PATTERN = /^([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])$/i;

/** "00:01.0" as lspci writes it, or null when it is not one (device above 0x1f too). */
export function parseRequesterId(text: string): number | null {
  const match = PATTERN.exec(text);
  if (!match) return null;
  const [bus, device, fn] = [Number.parseInt(match[1], 16), Number.parseInt(match[2], 16), Number(match[3])];
  return device > 0x1f ? null : requesterId(bus, device, fn);
}

const digits = (value: number): string => value.toString(16).padStart(2, "0");
/** "00:01.0" */
export const formatRequesterId = (id: number): string => `${digits(id >>> 8)}:${digits((id >>> 3) & 31)}.${id & 7}`;
