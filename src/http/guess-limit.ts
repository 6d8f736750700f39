/** Different wrong keys that one source may present in a window. */
const MAX_GUESSES = 10
const WINDOW_MS = 60_000
/** Sources that are remembered; beyond them the oldest is forgotten. */
const MAX_SOURCES = 10_000
/** Addresses that a key is remembered to have come from. */
const MAX_ADDRESSES = 1_000

interface Source {
  readonly guesses: Set<string>
  readonly untilMs: number
}

/**
 * Keeps a source from trying keys: after ten different wrong ones in a minute it is told to wait, whether the next one is right or wrong, so that
 * nothing is learned from the answer. One wrong key over and over is a mistake, not a guess.
 *
 * A key that came from the source before goes on working: a proxy in front makes one source of all callers.
 */
export class GuessLimit {
  readonly #sources = new Map<string, Source>()
  /** By the digest of a right key: where it came from. */
  readonly #addresses = new Map<string, Set<string>>()

  /**
   * Notes a wrong key.
   *
   * @param address where the connection comes from
   * @param digest of the key
   * @param now epoch milliseconds
   * @returns 0, or for how many milliseconds the source has to wait
   */
  wrong(address: string | undefined, digest: string, now: number): number {
    const name = sourceOf(address)
    let source = this.#current(name, now)
    if (source === undefined) {
      source = { guesses: new Set(), untilMs: now + WINDOW_MS }
      const [oldest] = this.#sources.keys()
      if (oldest !== undefined && this.#sources.size >= MAX_SOURCES) this.#sources.delete(oldest)
      this.#sources.set(name, source)
    }
    if (source.guesses.has(digest)) return 0
    if (source.guesses.size >= MAX_GUESSES) return source.untilMs - now
    source.guesses.add(digest)
    return 0
  }

  /** The same for a right key. */
  right(address: string | undefined, digest: string, now: number): number {
    let addresses = this.#addresses.get(digest)
    const from = address ?? "unknown"
    if (addresses?.has(from) === true) return 0
    const source = this.#current(sourceOf(address), now)
    if (source !== undefined && source.guesses.size >= MAX_GUESSES) return source.untilMs - now
    if (addresses === undefined || addresses.size >= MAX_ADDRESSES) {
      addresses = new Set()
      this.#addresses.set(digest, addresses)
    }
    addresses.add(from)
    return 0
  }

  #current(name: string, now: number): Source | undefined {
    const source = this.#sources.get(name)
    // A clock that was set back must not lengthen the wait.
    if (source === undefined || (now < source.untilMs && source.untilMs - now <= WINDOW_MS)) return source
    this.#sources.delete(name)
    return undefined
  }
}

/** One source has one IPv4 address, or 64 bits of an IPv6 address: whoever has one of these has them all. */
function sourceOf(address = "unknown"): string {
  if (!address.includes(":") || address.includes(".")) return address
  const [before = ""] = address.split("::", 1)
  return before.split(":").slice(0, 4).join(":")
}
