const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** CRC-32C (Castagnoli, reflected 0x82f63b78, RFC 3720 B.4), continued from `crc`; start with 0. */
export function crc32c(bytes: Uint8Array, crc = 0): number {
  let state = ~crc >>> 0;
  for (const byte of bytes) state = table[(state ^ byte) & 0xff] ^ (state >>> 8);
  return ~state >>> 0;
}
