// The driver cannot send an array of Buffers, and escapes each text of an array: ids and hex need neither.

/** A Postgres array literal of values that need no quoting: numbers, ids, times. */
export const plainArray = (values: readonly (string | number)[]) => `{${values.join(',')}}`

/** A literal of hex texts, for `decode(…, 'hex')`. */
export const hexArray = (values: readonly Buffer[]) => `{${values.map((v) => v.toString('hex')).join(',')}}`
