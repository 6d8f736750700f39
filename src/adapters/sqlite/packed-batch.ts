import type { FoldBatch } from "../../ports/counter-store.ts"
import { type PackedGroups, packGroups } from "./packed-groups.ts"
import { type PackedRewards, packRewards } from "./packed-rewards.ts"

/** A batch as it is handed to the thread. */
export interface PackedBatch extends Omit<FoldBatch, "groups" | "rewards"> {
  readonly groups: PackedGroups
  readonly rewards: PackedRewards
}

export function packBatch(batch: FoldBatch): PackedBatch {
  return { ...batch, groups: packGroups(batch.groups), rewards: packRewards(batch.rewards) }
}
