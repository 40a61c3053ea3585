export const labEvents = {
} as const;
