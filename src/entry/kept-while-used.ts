/** How long what nobody needs is kept: whoever took it back may bring it again. */
const UNUSED_MS = 600_000

/** What was made for documents, by name: kept while any of them needs it, and for ten minutes after it was last asked for. */
export class KeptWhileUsed<Value> {
  readonly #kept = new Map<string, { readonly value: Value; askedAtMs: number }>()
  readonly #nowMs: () => number

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs
  }

  get(name: string): Value | undefined {
    const kept = this.#kept.get(name)
    if (kept !== undefined) kept.askedAtMs = this.#nowMs()
    return kept?.value
  }

  set(name: string, value: Value): void {
    this.#kept.set(name, { value, askedAtMs: this.#nowMs() })
  }

  /** @param needed names that documents need @returns what is kept no longer */
  forgetUnused(needed: ReadonlySet<string>): Value[] {
    const before = this.#nowMs() - UNUSED_MS
    const forgotten = [...this.#kept].filter(([name, { askedAtMs }]) => !needed.has(name) && askedAtMs < before)
    for (const [name] of forgotten) this.#kept.delete(name)
    return forgotten.map(([, { value }]) => value)
  }
}
