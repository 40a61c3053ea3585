export const hostEvents = {
} as const;
