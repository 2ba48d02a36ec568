/** The bench's people are numbered; at Logto an id has twelve characters. */
export const benchUserId = (n: number): string => `u${n.toString(36).padStart(11, '0')}`;
