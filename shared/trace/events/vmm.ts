export const vmmEvents = {
} as const;
