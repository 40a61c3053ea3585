import { type AcceleratorRig, acceleratorRig, completionOf, descriptorBytes } from "./fake-upstream.ts";

export const PASID = 5,
  RING = 0x7f00_0000_0000n,
  DONE = 0x7f00_0000_1000n,
  SOURCE = 0x7f00_0010_0000n,
  DESTINATION = 0x7f00_0020_0000n;
export const noise = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + (i >>> 8) * 13) & 0xff);

/** Ring and completion present, queue 0 open. */
export function ready(options: Parameters<typeof acceleratorRig>[0] = {}): AcceleratorRig {
  const rig = acceleratorRig(options);
  rig.enableFunction();
  rig.upstream.map(PASID, RING);
  rig.upstream.map(PASID, DONE);
  rig.openQueue(0, PASID, RING);
  return rig;
}
type Fields = Omit<Parameters<typeof descriptorBytes>[0], "completion">;
export function submit(rig: AcceleratorRig, fields: Fields): void {
  const slots = rig.read32(0x1014);
  rig.upstream.poke(PASID, RING + BigInt(64 * slots), descriptorBytes({ completion: DONE, ...fields }));
  rig.write32(0x1014, slots + 1);
}
export const completed = (rig: AcceleratorRig) => completionOf(rig.upstream.peek(PASID, DONE, 32));
export const statusOf = (rig: AcceleratorRig, fields: Fields): number => {
  submit(rig, fields);
  rig.run();
  return completed(rig).status;
};
