/** A reward that somebody wants credited, and what became of its postbacks. */
export interface Postback {
  readonly decision: string
  readonly decisionId: string
  readonly experiment: string
  readonly eventId: string
  readonly value: number
  /** How many answers said that this very postback was applied now. */
  applied: number
  acknowledged: boolean
}

interface Decision {
  readonly decision: string
  readonly decisionId: string
  readonly experiment: string
}

/** How long a client waits for an answer: far longer than a gateway that is not frozen takes. */
const GIVE_UP_AFTER_MS = 10_000

/** Where an answer waits for a sync, one after the other would take as many seconds as there are. */
const MOST_AT_ONCE = 1_000

/** Uniform in [0, 1). */
type Random = () => number

/** Clients of a gateway that dies under them: they send predictions and rewards, and send again what was not answered, and some that was. */
export class AdTraffic {
  /** Answered with 200. */
  readonly decisions: Decision[] = []
  readonly postbacks: Postback[] = []
  /** Predictions that were sent and not answered: they may or may not be in the log. */
  unanswered = 0
  requests = 0
  /** Postbacks sent, and how many of them had been sent before. */
  rewardsSent = 0
  replays = 0
  readonly #random: Random
  readonly #decisionsAtOnce: number
  readonly #postbacksOf = new Map<string, Postback[]>()
  readonly #sentBefore = new Set<Postback>()
  readonly #unacknowledged = new Set<Postback>()
  #lastUnit = 0

  /** @param decisionsAtOnce how many decisions the rewards of one request are of */
  constructor(random: Random, decisionsAtOnce = 1) {
    this.#random = random
    this.#decisionsAtOnce = decisionsAtOnce
  }

  /** `clients` at once, each one request after the other, until `running` says no. @param address where the next request goes */
  async play(address: () => string, clients: number, running: () => boolean): Promise<void> {
    const client = async (): Promise<void> => {
      while (running()) await this.#act(address())
    }
    await Promise.all(Array.from({ length: clients }, client))
  }

  /** Sends everything that was never acknowledged. @returns how much of it still isn't */
  async insist(address: string): Promise<number> {
    const all = [...this.#unacknowledged]
    for (let sent = 0; sent < all.length; sent += MOST_AT_ONCE) {
      await this.#send(address, all.slice(sent, sent + MOST_AT_ONCE))
    }
    return this.#unacknowledged.size
  }

  async #act(address: string): Promise<void> {
    const dice = this.#random()
    if (dice < 0.45 || this.decisions.length === 0) return await this.#predict(address)
    const several = Array.from({ length: this.#decisionsAtOnce })
    if (dice < 0.75) {
      await this.#send(
        address,
        several.flatMap(() => this.#newPostbacks()),
      )
      return
    }
    const unsure = dice < 0.85 ? [...this.#unacknowledged.values().take(several.length)] : []
    const again = unsure.length > 0 ? unsure : several.flatMap(() => this.#pick(this.postbacks) ?? [])
    await this.#send(address, again)
  }

  async #predict(address: string): Promise<void> {
    this.#lastUnit += 1
    const experiment = this.#random() < 0.5 ? "clicks" : "sales"
    const body = { experiment, unitId: `user-${this.#lastUnit}`, features: { hour: "14102100", banner_pos: "0" } }
    this.unanswered += 1
    const answer = await this.#post(`${address}/predict`, body)
    if (answer === undefined) return
    this.unanswered -= 1
    this.decisions.push({ decision: text(answer, "decision"), decisionId: text(answer, "decisionId"), experiment })
  }

  /** One to three rewards of one decision; a second click is the same postback as the first, a second sale isn't. */
  #newPostbacks(): Postback[] {
    const decision = this.#pick(this.decisions)
    if (decision === undefined) return []
    const known = this.#postbacksOf.get(decision.decisionId) ?? []
    if (decision.experiment === "clicks" && known.length > 0) return known
    const count = decision.experiment === "clicks" ? 1 : 1 + Math.floor(3 * this.#random())
    const fresh = Array.from({ length: count }, (_, index) => ({
      ...decision,
      eventId: `e${known.length + index}`,
      value: decision.experiment === "clicks" ? 1 : Math.floor(200 * this.#random()) - 100,
      applied: 0,
      acknowledged: false,
    }))
    for (const postback of fresh) this.#unacknowledged.add(postback)
    this.postbacks.push(...fresh)
    this.#postbacksOf.set(decision.decisionId, [...known, ...fresh])
    return fresh
  }

  async #send(address: string, postbacks: readonly Postback[]): Promise<void> {
    if (postbacks.length === 0) return
    this.rewardsSent += postbacks.length
    for (const postback of postbacks) {
      if (this.#sentBefore.has(postback)) this.replays += 1
      this.#sentBefore.add(postback)
    }
    const items = postbacks.map(({ decision, eventId, value }) => ({ decision, eventId, value }))
    const answer = await this.#post(`${address}/reward`, items)
    const results = answer?.["results"]
    if (!Array.isArray(results)) return
    for (const [index, postback] of postbacks.entries()) {
      const status: unknown = results[index]?.status
      if (status !== "applied" && status !== "duplicate" && status !== "accepted") continue
      if (status === "applied") postback.applied += 1
      postback.acknowledged = true
      this.#unacknowledged.delete(postback)
    }
  }

  /** @returns undefined when the gateway died before it answered, or refused */
  async #post(url: string, body: unknown): Promise<Readonly<Record<string, unknown>> | undefined> {
    this.requests += 1
    const headers = { "content-type": "application/json" }
    try {
      const signal = AbortSignal.timeout(GIVE_UP_AFTER_MS)
      const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body), signal })
      const answer: unknown = await response.json()
      return response.ok && typeof answer === "object" && answer !== null ? { ...answer } : undefined
    } catch (error) {
      // What fetch says of a connection that broke, and of a gateway that is frozen; anything else is a mistake of this test.
      if (error instanceof TypeError || error instanceof SyntaxError || error instanceof DOMException) return undefined
      throw error
    }
  }

  #pick<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.#random() * items.length)]
  }
}

function text(answer: Readonly<Record<string, unknown>>, field: string): string {
  const value = answer[field]
  if (typeof value !== "string") throw new Error(`the answer has no ${field}`)
  return value
}
