import { describe, expect, it } from "vitest";
import { Scheduler } from "./scheduler.ts";

const never = new Promise<never>(() => {});

/** Ten tasks over three channels; what the order of their events was. */
async function orderOf(seed: number): Promise<string> {
  const scheduler = new Scheduler(seed);
  const order: string[] = [];
  const channels = [0, 1, 2].map(() => scheduler.channel(100, 1000, (arrive: () => void) => arrive()));
  for (let i = 0; i < 12; i++) channels[i % 3](() => void order.push(`${i % 3}:${Math.floor(i / 3)}`));
  await scheduler.drive(never);
  return order.join(" ");
}

describe("the simulation's scheduler", () => {
  it("gives one order per seed, and other orders for other seeds", async () => {
    const first = await orderOf(1);
    expect(await orderOf(1)).toBe(first);
    const others = await Promise.all([2, 3, 4, 5].map(orderOf));
    expect(others.some((order) => order !== first)).toBe(true);
  });

  it("keeps the order within a channel", async () => {
    for (const seed of [1, 2, 3]) {
      const order = (await orderOf(seed)).split(" ").filter((name) => name.startsWith("1:"));
      expect(order).toEqual(["1:0", "1:1", "1:2", "1:3"]);
    }
  });

  it("moves time only when nothing is runnable: an await chain drains first", async () => {
    const scheduler = new Scheduler(1);
    const seen: [string, number][] = [];
    scheduler.after(10, async () => {
      for (let i = 0; i < 20; i++) await Promise.resolve();
      seen.push(["chain", scheduler.now()]);
    });
    scheduler.after(20, () => void seen.push(["next", scheduler.now()]));
    await scheduler.drive(never);
    expect(seen).toEqual([
      ["chain", 10],
      ["next", 20],
    ]);
  });

  it("says idle when work waits for something that nobody will do, and limit when time is up", async () => {
    const scheduler = new Scheduler(1);
    scheduler.after(5, () => {});
    expect(await scheduler.drive(never)).toEqual({ ended: false, reason: "idle" });
    scheduler.after(1000, () => {});
    expect(await scheduler.drive(never, 100)).toEqual({ ended: false, reason: "limit" });
  });

  it("wakes a poll by an event that makes its condition true, and times it out otherwise", async () => {
    const scheduler = new Scheduler(1);
    let ready = false;
    scheduler.after(500, () => (ready = true));
    expect(await scheduler.drive(scheduler.poll(() => ready, 10_000))).toEqual({ ended: true, value: true });
    expect(scheduler.now()).toBeLessThan(1000);
    expect(await scheduler.drive(scheduler.poll(() => false, 10_000))).toEqual({ ended: true, value: false });
  });

  it("does not run a cancelled timer", async () => {
    const scheduler = new Scheduler(1);
    let ran = false;
    scheduler.after(10, () => (ran = true)).cancel();
    expect(await scheduler.drive(never)).toMatchObject({ reason: "idle" });
    expect(ran).toBe(false);
  });

  it("throws a task's failure", async () => {
    const scheduler = new Scheduler(1);
    scheduler.after(10, () => scheduler.fail(new Error("ours")));
    await expect(scheduler.drive(never)).rejects.toThrow("ours");
  });
});
