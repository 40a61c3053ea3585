/** Switches of the hardware: none. Hardware faults are the lab's to inject through points and edges, not a variant of the machine. */
export const defects: readonly { id: string; sentence: string; source: string; where: string }[] = [];
