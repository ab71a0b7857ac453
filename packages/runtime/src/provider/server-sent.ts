/** The data of each event of a stream of server-sent events, as it comes; what ends without an empty line counts too. */
export async function* dataOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const piece of body) {
    rest += decoder.decode(piece, { stream: true })
    for (let end = END.exec(rest); end; end = END.exec(rest)) {
      const data = dataIn(rest.slice(0, end.index))
      rest = rest.slice(end.index + end[0].length)
      if (data !== undefined) yield data
    }
  }
  const data = dataIn(rest + decoder.decode())
  if (data !== undefined) yield data
}

const END = /\r\n\r\n|\n\n|\r\r/

function dataIn(event: string): string | undefined {
  const lines = event.split(/\r\n|\n|\r/).filter((line) => line.startsWith('data:'))
  return lines.length > 0 ? lines.map((line) => line.slice(line[5] === ' ' ? 6 : 5)).join('\n') : undefined
}
