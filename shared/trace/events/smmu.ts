export const smmuEvents = {
} as const;
