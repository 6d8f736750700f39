/** Wrong keys that one source may present in a window. */
const MAX_GUESSES = 10
const WINDOW_MS = 60_000
/** Sources that are remembered; beyond them the oldest is forgotten. */
const MAX_SOURCES = 10_000

interface Source {
  guesses: number
  readonly untilMs: number
  /** Keys that it used rightly before it had guessed too often. */
  readonly known: Set<string>
}

/**
 * Keeps a source from trying keys: after ten wrong ones in a minute it is told to wait, whether the next one is right or wrong, so that nothing
 * is learned from the answer. Keys that the source has been using meanwhile go on working, since a proxy in front makes one source of all callers.
 */
export class GuessLimit {
  readonly #sources = new Map<string, Source>()

  /**
   * Notes a wrong key.
   *
   * @param address where the connection comes from
   * @param now epoch milliseconds
   * @returns 0, or for how many milliseconds the source has to wait
   */
  wrong(address: string | undefined, now: number): number {
    const name = sourceOf(address)
    let source = this.#current(name, now)
    if (source === undefined) {
      source = { guesses: 0, untilMs: now + WINDOW_MS, known: new Set() }
      const [oldest] = this.#sources.keys()
      if (oldest !== undefined && this.#sources.size >= MAX_SOURCES) this.#sources.delete(oldest)
      this.#sources.set(name, source)
    }
    source.guesses += 1
    return source.guesses > MAX_GUESSES ? source.untilMs - now : 0
  }

  /** The same for a right key. @param key what tells it from others */
  right(address: string | undefined, key: string, now: number): number {
    if (this.#sources.size === 0) return 0
    const source = this.#current(sourceOf(address), now)
    if (source === undefined || source.known.has(key)) return 0
    if (source.guesses >= MAX_GUESSES) return source.untilMs - now
    source.known.add(key)
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
