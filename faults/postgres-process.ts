// Holds a Postgres on the home of its first argument, and prints its address. Postgres ends with it.
import { startEmbedded } from '@stewrd/db/embedded/embedded.ts'

const { url } = await startEmbedded({ home: process.argv[2]!, as: 'server' })
process.stdout.write(`${url}\n`)
process.stdin.resume()
