import ipaddr from 'ipaddr.js'

/**
 * Whether an address is on the public internet. Loopback, private, link-local (metadata services), carrier-grade NAT, multicast, reserved and
 * documentation ranges are not; nor is an IPv6 form (mapped, NAT64, 6to4, Teredo) of an address that is not.
 */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false
  const address = ipaddr.parse(text)
  if (address instanceof ipaddr.IPv4) return address.range() === 'unicast'
  // A zone only makes sense on a link, which is not the internet.
  if (address.zoneId) return false
  const inner = embeddedIPv4(address)
  if (inner) return inner.range() === 'unicast'
  // Only 2000::/3 was ever given out as global unicast; old forms such as ::127.0.0.1 lie outside of it.
  return address.range() === 'unicast' && address.match(globalUnicast, 3)
}

const globalUnicast = ipaddr.IPv6.parse('2000::')

/** The IPv4 address that an IPv6 address leads to, when it is a form of one. */
function embeddedIPv4(address: ipaddr.IPv6): ipaddr.IPv4 | undefined {
  const bytes = address.toByteArray()
  const at = (offset: number) => new ipaddr.IPv4(bytes.slice(offset, offset + 4))
  switch (address.range()) {
    case 'ipv4Mapped':
    case 'rfc6052':
    case 'rfc6145':
      return at(12)
    case '6to4':
      return at(2)
    default:
      return undefined
  }
}
