/** Free credits of an account in each month (UTC). They are spent first, and do not outlive their month. */
export const FREE_CREDITS = 200
/** So few, or fewer, are low: people are told. */
export const LOW_CREDITS = FREE_CREDITS / 5
