import type { FaultRule } from "@faultline/shared/lab/fault-rule.ts";
import { LabClient } from "@faultline/shared/shell/lab-client.ts";

/** A lab that arms the rules of its second argument in the service at its first one, says so, and stays until it is killed. */
const [address, rules] = process.argv.slice(2);
const client = new LabClient(address);
await client.trace(() => {}, ["lab.rule"], "arming-lab").active;
await client.arm(JSON.parse(rules) as FaultRule[], 1, "arming-lab");
process.stdout.write("armed\n");
