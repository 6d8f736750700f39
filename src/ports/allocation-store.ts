import type { Allocated } from "#policies/allocate.ts"

/** An allocation that one gateway has computed for all. */
export interface SharedAllocation extends Allocated {
  /** Of the experiment's document that it was computed for. */
  readonly revision: number
  /** Of the counters that it was computed from. */
  readonly stateVersion: number
}

/** What is published now. */
export interface PublishedAllocation {
  /** Undefined where nothing is, or what was belongs to counters that are no more. */
  readonly allocation: SharedAllocation | undefined
  /** Milliseconds since it was published, by the store's clock. */
  readonly ageMs: number
  /** What `publish` must find unchanged; opaque. */
  readonly mark: string
}

/** The allocation that all gateways over one store serve. Every method may throw GatewayError `store_unavailable`, retryable. */
export interface AllocationStore {
  read(experiment: string): Promise<PublishedAllocation>
  /**
   * Publishes an allocation where the mark is still what was read.
   *
   * @returns false where another was first, or counters or revision have moved on: nothing was written
   */
  publish(experiment: string, allocation: SharedAllocation, mark: string): Promise<boolean>
}
