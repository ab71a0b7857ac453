/** An escape in JSON that `JSON.stringify` made. Six characters long are NUL and half of a surrogate pair, which `jsonb` refuses. */
const escapes = /\\(?:u(?:0000|d[89a-f][0-9a-f]{2})|[^])/g

/** A row as JSON that `jsonb` takes. A NUL or half of a surrogate pair stays visible as the six characters of its escape, `\u0000`. */
export function rowText(row: object): string {
  const json = JSON.stringify(row)
  if (!json.includes('\\u0000') && !json.includes('\\ud')) return json
  return json.replace(escapes, (escape) => (escape.length === 6 ? `\\${escape}` : escape))
}
