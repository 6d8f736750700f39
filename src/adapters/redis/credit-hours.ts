import type { CreditKey } from "../../ports/counter-store.ts"
import type { RedisClient } from "./connection.ts"
import { creditHour, type ExperimentKeys } from "./keys.ts"

/** A hash of so many credits is small, and quick to search. Servers keep up to 512 fields in that form unless they are told otherwise. */
const CREDITS_A_BUCKET = 100
const LEAST_BUCKETS = 16
const MOST_BUCKETS = 65_536
/** Where nothing is known yet of how many credits an hour has. */
const FIRST_BUCKETS = 256

/** Into how many hashes the credits of each hour are divided: fixed with the hour's first, by how many the hours before had. */
export class CreditHours {
  readonly #client: RedisClient
  readonly #keys: ExperimentKeys
  #buckets = new Map<string, number>()
  #newBuckets = FIRST_BUCKETS

  constructor(client: RedisClient, keys: ExperimentKeys) {
    this.#client = client
    this.#keys = keys
  }

  /** Undefined for an hour without credits. */
  known(hour: string): number | undefined {
    return this.#buckets.get(hour)
  }

  bucketsOf(hour: string): number {
    return this.#buckets.get(hour) ?? this.#newBuckets
  }

  forget(): void {
    this.#buckets = new Map()
  }

  /** Reads how hours are divided of which that isn't known. */
  async learn(hours: readonly string[]): Promise<void> {
    if (hours.every((hour) => this.#buckets.has(hour))) return
    const known = Object.entries(await this.#client.hgetall(this.#keys.hours))
    const counts = known.flatMap(([name, count]) => (isCount(name) ? [Number(count)] : []))
    if (counts.length > 0) {
      const wanted = Math.ceil(Math.max(...counts) / CREDITS_A_BUCKET)
      this.#newBuckets = Math.min(MOST_BUCKETS, Math.max(LEAST_BUCKETS, wanted))
    }
    this.#buckets = new Map(known.flatMap(([name, buckets]) => (isCount(name) ? [] : [[name, Number(buckets)]])))
  }

  /** The keys of all credits. */
  async allKeys(): Promise<string[]> {
    const divided = Object.entries(await this.#client.hgetall(this.#keys.hours))
    return divided.flatMap(([hour, buckets]) => {
      if (isCount(hour)) return []
      return Array.from({ length: Number(buckets) }, (_, bucket) => this.#keys.credits(hour, bucket))
    })
  }
}

/** Beside each hour's division its number of credits is kept. */
function isCount(name: string): boolean {
  return name.startsWith("n:")
}

export function hourOfCredit({ metric, decidedAt }: Pick<CreditKey, "metric" | "decidedAt">): string {
  return creditHour(metric, Date.parse(decidedAt))
}

export function hoursOf(postbacks: readonly Pick<CreditKey, "metric" | "decidedAt">[]): string[] {
  return [...new Set(postbacks.map(hourOfCredit))]
}
