export const guestEvents = {
} as const;
