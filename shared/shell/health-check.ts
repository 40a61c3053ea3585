// `node shared/shell/health-check.ts ADDRESS`: exit 0 when the service at ADDRESS is ready (hello done on the edge below, core booted), else 1. The health check of a container.
import { LabClient } from "./lab-client.ts";

const TIMEOUT_MS = 2_000;
const client = new LabClient(process.argv[2] ?? "127.0.0.1:5001");
try {
  await client.ready(TIMEOUT_MS);
  process.exitCode = 0;
} catch {
  process.exitCode = 1;
} finally {
  client.close();
}
