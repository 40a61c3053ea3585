/** How a step of a piece of work ended: one TLP was sent or one state entered, or nothing can be done until a credit, a response or a register write comes. */
export type Pause = "acted" | "waiting";

/** Work of a function, written as it reads and advanced by `next()`: it never blocks, a work that waits just has no step. */
export type Work<T> = Generator<Pause, T, void>;
