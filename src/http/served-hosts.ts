/** What a request's host is to the gateway. */
export type HostVerdict = "served" | "elsewhere" | "malformed"

/**
 * Judges the host that a request names.
 *
 * @param localAddress the address of ours that the connection came to: a host that is this address is served, since no page can have been given
 *                     another name for it
 */
export type JudgeHost = (host: string, localAddress: string | undefined) => HostVerdict

/** A name or an address, with or without a port: RFC 9110 section 7.2 without what clients don't send. */
const HOST = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,255})(?::(\d{1,5}))?$/i
const LOOPBACK = /^(?:localhost|.+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

/** Any host that is well-formed: for a gateway whose callers need keys. */
export const SERVE_ANY_HOST: JudgeHost = rememberLast((host) => (HOST.test(host) ? "served" : "malformed"))

/**
 * Loopback names, the connection's own address, and the names of a list.
 *
 * A page of another site can have its own name lead to 127.0.0.1 and then call the gateway as if it were that site (DNS rebinding). What gives it
 * away is the Host, which still is that name.
 *
 * @param allowed names or addresses in lower case, each with a port where only that port is meant
 */
export function serveHosts(allowed: readonly string[]): JudgeHost {
  const names = new Set(allowed)
  const judge = rememberLast((host) => {
    const match = HOST.exec(host)
    if (match === null) return "malformed"
    const name = (match[1] as string).toLowerCase().replace(/\.$/, "")
    const port = match[2] ?? "80"
    return LOOPBACK.test(name) || names.has(name) || names.has(`${name}:${port}`) ? "served" : "elsewhere"
  })
  return (host, localAddress) => {
    const verdict = judge(host, undefined)
    if (verdict !== "elsewhere" || localAddress === undefined) return verdict
    return isAddress(host, localAddress) ? "served" : "elsewhere"
  }
}

/** Callers of one gateway nearly all name it alike: the last name that was served is not taken apart again. */
function rememberLast(judge: (host: string) => HostVerdict): JudgeHost {
  let last: string | undefined
  return (host) => {
    if (host === last) return "served"
    const verdict = judge(host)
    if (verdict === "served") last = host
    return verdict
  }
}

/** Whether a host is an address as a socket writes it: `::ffff:10.0.0.1` for an IPv4 address on a socket that takes both. */
function isAddress(host: string, localAddress: string): boolean {
  const name = (HOST.exec(host)?.[1] ?? "").toLowerCase().replace(/^\[(.*)\]$/, "$1")
  return name === localAddress || name === localAddress.replace(/^::ffff:/, "")
}
