/** What the page-request protocol can do, as the model names it; the property fails on a row that no schedule reached. */
export const ROWS: readonly string[] = [
  // smmuv3.md, 6.2: what becomes of a request.
  ...["Last = 1", "Last = 0", "Stop Marker"].flatMap((kind) =>
    [
      "1 PRIQEN = 0",
      "1 SMMUEN = 0",
      "1 PRIQ_ABT_ERR",
      "2 written",
      "3 overflow begins",
      "4 overflow active, queue full",
      "4 overflow active, with space",
      "5 the write aborts",
    ].map((row) => `${row}: ${kind}`),
  ),
  // smmuv3.md, 6.3: the automatic response to a Last that an overflow discards.
  "overflow answer: no PASID: Success",
  "overflow answer: PASID, PPAR = 1: Success with PASID",
  "overflow answer: PASID, PPAR = 0: Success without PASID",
  "overflow answer: PASID, no STE: Failure",
  // pcie-ats-pri.md, 2.7 and 3: what a response makes of the endpoint.
  "response: Success",
  "response: Invalid Request",
  "response: Response Failure",
  "response: Response Failure before Last",
  "response: Response Failure with PRI disabled",
  "response: Success before Last",
  "response: PASID does not fit",
  "response: no such group",
  "response: ignored after a Response Failure",
  "response: the last one with PRI disabled sets Stopped",
  "response: lost, the link is down",
  "response: ignored, SMMUEN = 0",
  // pcie-ats-pri.md, 3: what software does to the interface.
  "enable: clears RF",
  "enable: clears UPRGI",
  "disable: with groups outstanding",
  "disable: with nothing outstanding",
  "disable: drops a group that was not begun",
  "disable: leaves a group in transmission",
  "reset: closes groups",
  "reset: ignored while enabled",
  "FLR: closes groups",
  "link down: closes groups",
  "open: no credit",
  // smmuv3.md, 6.4: the driver.
  "driver: drops incomplete groups after an overflow",
  "driver: answers groups out of order",
  "driver: acknowledges an overflow",
  "driver: drains without acknowledging",
  // pcie-ats-pri.md, 2.4 and rule 8.
  "ATC: an invalidation removes entries",
  "ATC: an invalidation leaves other entries",
  "ATC: no PASID prefix",
  "ATC: Global Invalidate",
];
