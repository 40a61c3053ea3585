/** Switches of this service: none of the posted code's VMM defects has one yet. */
export const defects = [] as const;
