import { describe, expect, it } from "vitest";
import { HeldLocks, Mutex } from "./mutex.ts";
import { WaitQueue } from "./wait-queue.ts";

describe("Mutex", () => {
  it("serves waiters in order and never looks free while one waits", async () => {
    const mutex = new Mutex("sva_lock", new HeldLocks());
    const order: number[] = [];
    await mutex.lock();
    const tasks = [1, 2, 3].map((n) => mutex.with(() => void order.push(n)));
    mutex.unlock();
    expect(mutex.locked).toBe(true);
    await Promise.all(tasks);
    expect(order).toEqual([1, 2, 3]);
    expect(mutex.locked).toBe(false);
  });
  it("is released when its holder fails", async () => {
    const mutex = new Mutex("m", new HeldLocks());
    await expect(mutex.with(() => Promise.reject(new Error("x")))).rejects.toThrow("x");
    expect(mutex.locked).toBe(false);
  });
});

describe("WaitQueue", () => {
  it("looks again at each wake and resolves only when the condition holds", async () => {
    const queue = new WaitQueue();
    let ready = false;
    let woken = false;
    const waiting = queue.until(() => ready).then(() => (woken = true));
    queue.wake();
    await Promise.resolve();
    expect(woken).toBe(false);
    ready = true;
    queue.wake();
    await waiting;
    expect(woken).toBe(true);
  });
});

describe("the locks that a part holds (INV-5)", () => {
  it("are counted by name from the first owner to the last, and none is left at rest", async () => {
    const held = new HeldLocks();
    const [cmdq, other] = [new Mutex("cmdq", held), new Mutex("cmdq", held)];
    await cmdq.lock();
    const next = cmdq.lock();
    await other.lock();
    expect(held.counts()).toEqual({ locks: 2, "locks:cmdq": 2 });
    cmdq.unlock();
    await next;
    other.unlock();
    expect(held.counts()).toEqual({ locks: 1, "locks:cmdq": 1 });
    cmdq.unlock();
    expect(held.counts()).toEqual({ locks: 0 });
  });
  it("are named in the order in which the first of each name was taken", async () => {
    const held = new HeldLocks();
    const [a, b, c] = ["a", "b", "c"].map((name) => new Mutex(name, held));
    for (const lock of [c, a, b]) await lock.lock();
    c.unlock();
    await c.lock();
    expect(Object.keys(held.counts())).toEqual(["locks", "locks:a", "locks:b", "locks:c"]);
  });
  it("are given back by a body that throws", async () => {
    const held = new HeldLocks();
    await expect(new Mutex("ste", held).with(() => Promise.reject(new Error("x")))).rejects.toThrow("x");
    expect(held.counts()).toEqual({ locks: 0 });
  });
});
