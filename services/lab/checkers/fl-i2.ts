import { PRG_RESPONSE_CODE } from "@faultline/shared/page-response/page-response.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";
import { endpointOf, forgetGroups, groupKeyOf, groupText } from "./naming.ts";

/** FL-I2: a function never refuses the answer to a group that it holds open (a missing or wrong PASID is Unexpected PRG Index there, 10.4.2). Answers to closed groups are INV-1's. */
export const flI2: Checker = {
  id: "FL-I2",
  sentence: "The response's group index and RID, and its PASID when required, equal the request's.",
  reads: ["endpoint.flr", "endpoint.group-closed", "endpoint.page-request", "endpoint.prg-response"],
  check(history) {
    const violations: Violation[] = [];
    const open = new Map<string, TraceEvent>();
    for (const event of history) {
      const key = groupKeyOf(event);
      switch (event.kind) {
        case "endpoint.page-request":
          if (event.fields.last) open.set(key, event);
          break;
        case "endpoint.group-closed":
          open.delete(key);
          break;
        case "endpoint.flr":
          forgetGroups(open, endpointOf(event));
          break;
        case "endpoint.prg-response": {
          const request = open.get(key);
          if (event.fields.accepted === false && request)
            violations.push({
              invariant: "FL-I2",
              message: `${groupText(request)}: the function refused its answer as unexpected: its PASID is missing or wrong`,
              events: [request.n, event.n],
            });
          if (event.fields.accepted !== false) open.delete(key);
          // A Response Failure stops the interface: nothing is open any more (10.4.2).
          if (event.fields.code === PRG_RESPONSE_CODE.ResponseFailure) forgetGroups(open, endpointOf(event));
        }
      }
    }
    return violations;
  },
};
