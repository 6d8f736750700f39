import { hash } from "node:crypto"
import { toUnits } from "../../domain/counters.ts"
import type { CreditKey } from "../../ports/counter-store.ts"
import { hourStartMs } from "./keys.ts"

/** By `lua/credits.lua`. */
const AGGREGATIONS = { first: 0, last: 1, sum: 2, max: 3 } as const
const UNCOUNTED = 2_147_483_647
const UNSIGNED = 2_147_483_648

const FIELD_BYTES = 8
const FIXED_BYTES = 46

/** Where a decision's credit is: of the hashes of its hour the one that its id falls into, and its field there. */
export interface CreditPlace {
  /** 8 bytes that are as good as random: two decisions of one hour don't share them. */
  readonly field: Buffer
  /** A whole number whose remainder says which hash. */
  readonly spread: number
}

export function creditPlace(decisionId: string): CreditPlace {
  const digest = hash("sha1", decisionId, "buffer")
  return { field: digest.subarray(0, FIELD_BYTES), spread: digest.readUInt32BE(FIELD_BYTES) }
}

/** Indexes of keys among a script's, from 1; 0 where a reward adds nothing there. */
export interface RewardTargets {
  readonly credit: number
  readonly counter: number
  /** Index of its counters' bucket in the script's list, from 1. */
  readonly bucket: number
  readonly groupRow: number
  readonly group: number
  /** Propensity in billionths where group rows are weighted by it, else 0. */
  readonly nanos: number
  readonly delay: number
  /** Index of the starts of its delay bins in the script's list, from 1. */
  readonly bins: number
}

const NOWHERE = { counter: 0, bucket: 0, groupRow: 0, group: 0, nanos: 0, delay: 0, bins: 0 }

/** A reward as the scripts unpack it: `unpack_reward` of `lua/credits.lua`. Times are milliseconds after the hour of the decision. */
export function packReward(
  reward: CreditKey,
  { field }: CreditPlace,
  { credit, ...targets }: Partial<RewardTargets> & Pick<RewardTargets, "credit">,
): Buffer {
  const { counter, bucket, groupRow, group, nanos, delay, bins } = { ...NOWHERE, ...targets }
  const { aggregation, eventId, decisionId, metric } = reward
  // Under `first` no id is kept.
  const prefix = aggregation === "first" ? "" : `r-${decisionId}-${metric}`
  const tail = aggregation === "first" ? "" : `${prefix}${eventId}`
  const packed = Buffer.allocUnsafe(FIXED_BYTES + Buffer.byteLength(tail))
  const decidedAt = Date.parse(reward.decidedAt)
  const start = hourStartMs(decidedAt)
  const counts = reward.status === "applied" && (reward.learn || reward.holdout)
  field.copy(packed, 0)
  let at = packed.writeUInt16BE(credit, FIELD_BYTES)
  at = packed.writeUInt8(AGGREGATIONS[aggregation], at)
  at = packed.writeDoubleBE(Date.parse(reward.at) - start, at)
  at = packed.writeUInt32BE((counts ? toUnits(reward.value, reward.bound) : UNCOUNTED) + UNSIGNED, at)
  at = packed.writeUInt16BE(counter, at)
  at = packed.writeUInt16BE(bucket, at)
  at = packed.writeUInt16BE(groupRow, at)
  at = packed.writeUInt8(group, at)
  at = packed.writeUInt32BE(nanos, at)
  at = packed.writeUInt16BE(delay, at)
  at = packed.writeDoubleBE(decidedAt - start, at)
  at = packed.writeUInt8(bins, at)
  at = packed.writeUInt8(Buffer.byteLength(prefix), at)
  packed.write(tail, at)
  return packed
}
