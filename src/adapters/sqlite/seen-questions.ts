import type { CreditKey } from "../../ports/counter-store.ts"

type Ask = (keys: readonly CreditKey[]) => Promise<readonly boolean[]>

/**
 * Puts the questions of one turn of the event loop to the database's thread as one: a message to it costs more than the look-up that it asks for.
 */
export class SeenQuestions {
  readonly #ask: Ask
  #keys: CreditKey[] = []
  #answers: Promise<readonly boolean[]> | undefined

  constructor(ask: Ask) {
    this.#ask = ask
  }

  async ask(keys: readonly CreditKey[]): Promise<readonly boolean[]> {
    const from = this.#keys.length
    for (const key of keys) this.#keys.push(key)
    this.#answers ??= this.#askSoon()
    return (await this.#answers).slice(from, from + keys.length)
  }

  /** After the input of this turn has been read. */
  async #askSoon(): Promise<readonly boolean[]> {
    await new Promise((resolve) => setImmediate(resolve))
    const keys = this.#keys
    this.#keys = []
    this.#answers = undefined
    return await this.#ask(keys)
  }
}
