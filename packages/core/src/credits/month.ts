/** Free credits of an account in each month (UTC). They are spent first, and do not outlive their month. */
export const FREE_CREDITS = 200
