import type { NodeAt } from './merkle.ts'

/** A tile of the tree, or with `level` entries a bundle of log entries (C2SP tlog-tiles): `width` in a row from `index · 256`. */
export type Tile = { level: number | 'entries'; index: number; width: number }

export const TILE_WIDTH = 256
const TILE_HEIGHT = 8

/** `0/x001/234` or `entries/000.p/17` as a tile; undefined for anything that no log would write. */
export function parseTile(path: string): Tile | undefined {
  const [, level, names, width] = /^(\d{1,2}|entries)\/((?:x\d{3}\/)*\d{3})(?:\.p\/(\d{1,3}))?$/.exec(path) ?? []
  if (level === undefined || names === undefined) return undefined
  const tile = {
    level: level === 'entries' ? level : Number(level),
    index: Number(names.replaceAll(/[x/]/g, '')),
    width: width === undefined ? TILE_WIDTH : Number(width),
  } as const
  return isTile(tile) && tilePath(tile) === path ? tile : undefined
}

/** The one way to write a tile's path. */
export function tilePath({ level, index, width }: Tile): string {
  const digits = String(index)
  const names = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/\d{3}/g)!
  const path = names.map((name, i) => (i < names.length - 1 ? `x${name}` : name)).join('/')
  return `${level}/${path}${width === TILE_WIDTH ? '' : `.p/${width}`}`
}

/** Whether a log of `size` entries has all of the tile. */
export function isInLog({ level, index, width }: Tile, size: number): boolean {
  const hashes = level === 'entries' ? size : Math.floor(size / TILE_WIDTH ** level)
  return index * TILE_WIDTH + width <= hashes
}

/** The stored nodes that a tile is made of. */
export const tileNodes = ({ level, index, width }: Tile & { level: number }): NodeAt[] =>
  Array.from({ length: width }, (_, i) => ({ level: level * TILE_HEIGHT, index: index * TILE_WIDTH + i }))

/** A bundle's bytes: every entry after its length, as 2 bytes big-endian. */
export const entryBundle = (entries: readonly Uint8Array[]): Buffer =>
  Buffer.concat(
    entries.flatMap((entry) => {
      const length = Buffer.alloc(2)
      length.writeUInt16BE(entry.length)
      return [length, entry]
    }),
  )

const isTile = ({ level, index, width }: Tile) =>
  (level === 'entries' || level <= 63) && Number.isSafeInteger(index * TILE_WIDTH) && width >= 1
