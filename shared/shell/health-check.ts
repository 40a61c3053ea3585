// `node shared/shell/health-check.ts HOST:PORT`: exit 0 when the service whose admin routes are there is ready (hello done on the edge below, core booted), else 1.
// The health check of a container, so it loads nothing.
const TIMEOUT_MS = 2_000;
const ready = await fetch(`http://${process.argv[2]}/readyz`, { signal: AbortSignal.timeout(TIMEOUT_MS) }).then(
  ({ ok }) => ok,
  () => false,
);
process.exit(ready ? 0 : 1);
