/** What requests are for. Each partition has a share of what the gateway can do; health checks are outside of all. */
export const PARTITIONS = ["predict", "reward", "admin"] as const

export type Partition = (typeof PARTITIONS)[number]

/** By partition; shares are in [0, 1] and add up to at most 1. */
export type Shares = Readonly<Record<Partition, number>>

/** Counts of requests by partition. */
export class PartitionCounts {
  readonly #counts: Record<Partition, number> = { predict: 0, reward: 0, admin: 0 }
  #total = 0

  get total(): number {
    return this.#total
  }

  add(partition: Partition, change: 1 | -1): void {
    this.#counts[partition] += change
    this.#total += change
  }

  /**
   * Whether one more of a partition is too many: all together have reached the limit, and the partition its share of it. Until then every partition
   * may use what the others leave. A share is never less than one request.
   */
  exceeds(limit: number, shares: Shares, partition: Partition): boolean {
    if (this.#total < limit) return false
    return this.#counts[partition] >= Math.max(1, Math.floor(shares[partition] * limit))
  }
}
