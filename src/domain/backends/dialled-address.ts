/**
 * Addresses that no model server has: those of cloud metadata services and of this network link, of nobody, of everybody. Loopback and private
 * networks are where model servers are.
 *
 * @param host a name, or an address as it is dialled
 * @returns why it is never dialled, undefined where it may be; for a name that is not an address, only what its form tells
 */
export function forbiddenAddress(host: string): string | undefined {
  const bytes = host.includes(":") ? ipv6Bytes(host) : ipv4Bytes(host)
  if (bytes === undefined) {
    // "127.1", "0x7f.1", "2130706433": what looks like an address must be written as one.
    const last = host.split(".").at(-1) ?? ""
    if (host.includes(":") || /^(?:\d+|0x[0-9a-f]*)$/i.test(last))
      return "must have an address written in full, such as 127.0.0.1 or [::1]"
    if (host.endsWith(".")) return "must have a host name that doesn't end in a dot"
    return undefined
  }
  const v4 = bytes.length === 4 ? bytes : embeddedV4(bytes)
  if (v4 !== undefined) return forbiddenV4(v4)
  return forbiddenV6(bytes)
}

function forbiddenV4([a = 0, b = 0, c = 0, d = 0]: readonly number[]): string | undefined {
  if (a === 0) return "must not be an address of this network (0.0.0.0/8)"
  if (a === 169 && b === 254) return "must not be a link-local address: cloud metadata services live there"
  if (a === 100 && b === 100 && c === 100 && d === 200) return "must not be the address of a cloud metadata service"
  if (a === 168 && b === 63 && c === 129 && d === 16) return "must not be the address of a cloud's own services"
  if (a >= 224) return "must not be a multicast, reserved or broadcast address"
  return undefined
}

function forbiddenV6(bytes: readonly number[]): string | undefined {
  const [first = 0, second = 0] = bytes
  if (bytes.every((byte) => byte === 0)) return "must not be the address of nobody (::)"
  if (first === 0xfe && (second & 0xc0) === 0x80) return "must not be a link-local address"
  if (first === 0xff) return "must not be a multicast address"
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("")
  if (hex === "fd000ec2000000000000000000000254") return "must not be the address of a cloud metadata service"
  return undefined
}

/** The IPv4 address inside ::ffff:a.b.c.d (mapped), ::a.b.c.d (compatible), 64:ff9b::a.b.c.d (translated) and 2002:ab:cd:: (6to4). */
function embeddedV4(bytes: readonly number[]): readonly number[] | undefined {
  const zeros = (from: number, to: number) => bytes.slice(from, to).every((byte) => byte === 0)
  const last = bytes.slice(12)
  if (zeros(0, 10) && bytes[10] === 0xff && bytes[11] === 0xff) return last
  // ::1 and :: are addresses of their own.
  if (zeros(0, 12) && !zeros(12, 15)) return last
  if (bytes[0] === 0 && bytes[1] === 0x64 && bytes[2] === 0xff && bytes[3] === 0x9b) return last
  if (bytes[0] === 0x20 && bytes[1] === 0x02) return bytes.slice(2, 6)
  return undefined
}

/** Four bytes of a dotted quad without leading zeros; undefined for anything else. */
function ipv4Bytes(text: string): number[] | undefined {
  const parts = text.split(".")
  const valid = parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
  return valid ? parts.map(Number) : undefined
}

/** Sixteen bytes of an IPv6 address; undefined for what isn't one, or has a zone. */
function ipv6Bytes(text: string): number[] | undefined {
  const halves = text.split("::")
  if (halves.length > 2) return undefined
  const groups = halves.map((half) => (half === "" ? [] : groupBytes(half.split(":"))))
  const [head, tail = []] = groups
  if (head === undefined || groups.some((bytes) => bytes === undefined)) return undefined
  const missing = 16 - head.length - (tail?.length ?? 0)
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined
  return [...head, ...Array.from({ length: missing }, () => 0), ...(tail ?? [])]
}

/** Bytes of groups of up to four hexadecimal digits, the last of which may be a dotted quad. */
function groupBytes(groups: readonly string[]): number[] | undefined {
  const bytes: number[] = []
  for (const [index, group] of groups.entries()) {
    const v4 = index === groups.length - 1 ? ipv4Bytes(group) : undefined
    if (v4 !== undefined) bytes.push(...v4)
    else if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = Number.parseInt(group, 16)
      bytes.push(value >> 8, value & 0xff)
    } else return undefined
  }
  return bytes
}
