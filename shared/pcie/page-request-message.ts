import { bitStruct } from "../codec/bit-struct.ts";

export const MESSAGE_CODE = { InvalidateRequest: 0x01, InvalidateCompletion: 0x02, PageRequest: 0x04, PrgResponse: 0x05 } as const;

/** Third and fourth header doubleword of a Page Request message as a 64-bit value (PCIe 10.4.1). R = W = 0 with L = 1 and a PASID prefix is a Stop Marker. */
export const pageRequestMessage = bitStruct("pageRequestMessage", 8, { R: [0, 0], W: [1, 1], L: [2, 2], PRGIndex: [11, 3], PageAddress: [63, 12] });
