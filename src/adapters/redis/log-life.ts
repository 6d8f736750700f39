import { LAPSED_AFTER_MS, type LogId } from "../../domain/log-position.ts"
import { TrustedTime } from "../../domain/trusted-time.ts"
import type { Clock } from "../../ports/clock.ts"
import type { RedisClient } from "./connection.ts"
import { LOGS } from "./keys.ts"
import { Script } from "./script.ts"

/** How long a log is taken for alive after it was heard of, without asking again. */
const BELIEVED_MS = 60_000
/** A gateway says every ten seconds how far its log is folded. */
const SAID_WITHIN_MS = 60_000

/** Before all times: no credit is forgotten. */
const NOTHING = -1

const ALIVE = new Script("alive")

/** Which logs are alive, by a clock that doesn't follow jumps, and that goes on where the gateways before have left it. */
export class LogLife {
  readonly #client: RedisClient
  readonly #clock: Clock
  readonly #settled: TrustedTime
  #trusted: TrustedTime | undefined
  /** By log the trusted time at which it was last known to be alive. */
  readonly #known = new Map<LogId, number>()
  /** What Redis last said of all logs. */
  #registered: ReadonlyMap<LogId, string> = new Map()

  constructor(client: RedisClient, clock: Clock) {
    this.#client = client
    this.#clock = clock
    this.#settled = new TrustedTime(clock.now(), clock.monotonicMs())
  }

  /** What buckets get wide by: epoch seconds, without the jumps of the wall clock. */
  settledSeconds(): number {
    this.#settled.advance(this.#clock.now(), this.#clock.monotonicMs())
    return this.#settled.at / 1000
  }

  /** Whether a log that is about to be folded has lapsed. */
  async hasLapsed(log: LogId): Promise<boolean> {
    const { at } = await this.#time()
    const known = this.#known.get(log)
    if (known !== undefined && at - known <= BELIEVED_MS) return false
    return (await this.alive(log, undefined)).lapsed
  }

  /** @param foldedTo epoch milliseconds; undefined: as it was said before */
  async alive(log: LogId, foldedTo: number | undefined): Promise<{ readonly lapsed: boolean }> {
    const { at } = await this.#time()
    const told = foldedTo === undefined ? "" : Math.floor(foldedTo)
    // A Redis that came back with data of last week hasn't heard of it since; this process has.
    const known = Math.floor(this.#known.get(log) ?? 0)
    const values = [log, Math.floor(at), told, LAPSED_AFTER_MS, known]
    const [status] = await ALIVE.run(this.#client, [LOGS.seen, LOGS.time], values)
    if (status === "lapsed") {
      this.#known.delete(log)
      return { lapsed: true }
    }
    this.#known.set(log, at)
    return { lapsed: false }
  }

  /** Whether it was said lately up to when a log is folded, and that this is not for good. */
  async isWritten(log: LogId): Promise<boolean> {
    const { at } = await this.#time()
    const [seen = 0, foldedTo = NOTHING] = numbersIn((await this.#client.hget(LOGS.seen, log)) ?? "")
    return at - seen <= SAID_WITHIN_MS && foldedTo > NOTHING && foldedTo <= at
  }

  /**
   * Up to when (epoch milliseconds) credits may be forgotten: surely passed, and folded by every log that has not lapsed.
   *
   * @param lacking logs of which counters that were lost lack something: what those say of themselves is older than the loss
   */
  async forgettableTo(lacking: readonly LogId[]): Promise<number> {
    const { at, passedMs } = await this.#time()
    const logs = await this.#readLogs(lacking)
    const living = new Map(
      Array.from(logs, ([log, text]) => [log, numbersIn(text)] as const).filter(
        ([, [seen = 0]]) => at - seen <= LAPSED_AFTER_MS,
      ),
    )
    if (lacking.some((log) => living.has(log))) return NOTHING
    return Math.min(passedMs, ...Array.from(living.values(), ([, foldedTo = NOTHING]) => foldedTo))
  }

  /** All logs. A Redis that was emptied gets back what was last read, and learns of those that are lacking: each is waited for from now on. */
  async #readLogs(lacking: readonly LogId[]): Promise<ReadonlyMap<LogId, string>> {
    const read = async () => new Map(Object.entries(await this.#client.hgetall(LOGS.seen)))
    let logs = await read()
    const forgotten = [...this.#registered].filter(([log]) => !logs.has(log))
    for (const [log, text] of forgotten) await this.#client.hsetnx(LOGS.seen, log, text)
    const unheard = lacking.filter((log) => !logs.has(log) && !this.#registered.has(log))
    for (const log of unheard) await this.alive(log, undefined)
    if (forgotten.length + unheard.length > 0) logs = await read()
    this.#registered = logs
    return logs
  }

  /** Forgets all logs, here and in Redis. */
  async reset(): Promise<void> {
    this.#known.clear()
    this.#registered = new Map()
    await this.#client.del(LOGS.seen)
  }

  async #time(): Promise<{ readonly at: number; readonly passedMs: number }> {
    const [wall, monotonic] = [this.#clock.now(), this.#clock.monotonicMs()]
    if (this.#trusted === undefined) {
      const kept = await this.#client.get(LOGS.time)
      this.#trusted ??= new TrustedTime(kept === null ? wall : Number(kept), monotonic)
    }
    const passedMs = this.#trusted.advance(wall, monotonic)
    return { at: this.#trusted.at, passedMs }
  }
}

/** When a log was last heard of and up to when it is folded; nothing where it never was. */
function numbersIn(text: string): number[] {
  return text === "" ? [] : text.split(" ").map(Number)
}
