/** Milliseconds that this process has spent on its cores, compiler and garbage collector included: what other work of the machine takes does not count. */
export function coreMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** ns of a core for one of `count` operations. */
export function coreNs(count: number, run: () => void): number {
  const from = coreMs();
  run();
  return ((coreMs() - from) * 1e6) / count;
}
