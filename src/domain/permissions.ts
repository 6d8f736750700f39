/** What a key may allow. Each stands for itself: `admin` includes none of the others. A reward needs none: a decision token carries its own proof. */
export const PERMISSIONS = ["predict", "force", "view", "edit", "admin"] as const

export type Permission = (typeof PERMISSIONS)[number]
