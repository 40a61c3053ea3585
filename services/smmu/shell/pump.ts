/** Steps that run before the event loop gets a turn: messages that were sent leave, and what has arrived is seen. */
const STEPS = 32;

/** Lets the hardware work as long as it has something to do. Returns what to call when there may be work. */
export function pump(step: () => boolean): () => void {
  let scheduled = false;
  const run = () => {
    for (let i = 0; i < STEPS; i++) if (!step()) return;
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      run();
    });
  };
  return run;
}
