import type { Clock } from "../../ports/clock.ts"
import type { Credentials } from "./signature.ts"

/** Time that is left of credentials when new ones are asked for. */
const REFRESH_BEFORE_MS = 5 * 60_000
/** After an attempt that failed while the old ones are still good. */
const TRY_AGAIN_MS = 10_000

/** The newest credentials of a provider. New ones are asked for before the old ones end, and nobody waits for them meanwhile. */
export class CredentialSource {
  readonly #provide: () => Promise<Credentials>
  readonly #clock: Clock
  #known: Credentials | undefined
  #refreshing: Promise<Credentials> | undefined
  #notBeforeMs = Number.NEGATIVE_INFINITY

  /** @param provide asks anew each time, an instance's metadata service for example */
  constructor(provide: () => Promise<Credentials>, clock: Clock) {
    this.#provide = provide
    this.#clock = clock
  }

  /** At once while the last ones are good. @throws what the provider throws, where there are none that are good */
  get(): Credentials | Promise<Credentials> {
    const known = this.#known
    if (known === undefined) return this.#refresh()
    const leftMs =
      known.expiration === undefined ? Number.POSITIVE_INFINITY : known.expiration.getTime() - this.#clock.now()
    if (leftMs <= 0) return this.#refresh()
    if (leftMs < REFRESH_BEFORE_MS && this.#clock.monotonicMs() >= this.#notBeforeMs) {
      // The old ones are good still: whoever asks again hears of the failure when they have ended.
      this.#refresh().catch(() => {})
    }
    return known
  }

  #refresh(): Promise<Credentials> {
    this.#refreshing ??= this.#ask().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  async #ask(): Promise<Credentials> {
    this.#notBeforeMs = this.#clock.monotonicMs() + TRY_AGAIN_MS
    this.#known = await this.#provide()
    return this.#known
  }
}
