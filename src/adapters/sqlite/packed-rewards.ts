import type { CountedReward } from "../../domain/reward-additions.ts"

/** What many rewards of a batch have in common. */
const SHARED = [
  "variant",
  "metric",
  "status",
  "series",
  "epoch",
  "learn",
  "holdout",
  "bound",
  "aggregation",
  "stickiness",
  "delayWindowSeconds",
  "experiment",
] as const

type RewardKind = Pick<CountedReward, (typeof SHARED)[number]>

const TEXTS = 5
const NUMBERS = 4

/** Rewards in a few long arrays: an object for each would take longer to hand to the thread than to fold. */
export interface PackedRewards {
  /** One may be there more than once. */
  readonly kinds: readonly RewardKind[]
  /** Of each reward: decision id, event id, and the times at which it was taken, its decision was made, and its token dies. */
  readonly texts: readonly string[]
  /** Of each reward: the index of its kind, unit group, propensity and value. */
  readonly numbers: Float64Array
}

export function packRewards(rewards: readonly CountedReward[]): PackedRewards {
  const kinds: RewardKind[] = []
  /** By variant the kind that its last reward was of. */
  const lastKinds = new Map<string, number>()
  const texts: string[] = []
  const numbers = new Float64Array(rewards.length * NUMBERS)
  let at = 0
  for (const reward of rewards) {
    let kind = lastKinds.get(reward.variant)
    if (kind === undefined || !isOfKind(reward, kinds[kind] as RewardKind)) {
      kind = kinds.push(kindOf(reward)) - 1
      lastKinds.set(reward.variant, kind)
    }
    texts.push(reward.decisionId, reward.eventId, reward.at, reward.decidedAt, reward.expiresAt)
    numbers[at++] = kind
    numbers[at++] = reward.group
    numbers[at++] = reward.propensity
    numbers[at++] = reward.value
  }
  return { kinds, texts, numbers }
}

/** The rewards that were packed, in order. */
export function unpackRewards({ kinds, texts, numbers }: PackedRewards): CountedReward[] {
  return Array.from({ length: texts.length / TEXTS }, (_, index): CountedReward => {
    const text = index * TEXTS
    const number = index * NUMBERS
    const kind = kinds[numbers[number] as number] as RewardKind
    return {
      ...kindOf(kind),
      decisionId: texts[text] as CountedReward["decisionId"],
      eventId: texts[text + 1] as string,
      at: texts[text + 2] as string,
      decidedAt: texts[text + 3] as string,
      expiresAt: texts[text + 4] as string,
      group: numbers[number + 1] as number,
      propensity: numbers[number + 2] as number,
      value: numbers[number + 3] as number,
    }
  })
}

function isOfKind(reward: CountedReward, kind: RewardKind): boolean {
  return SHARED.every((name) => reward[name] === kind[name])
}

function kindOf(reward: RewardKind): RewardKind {
  const { variant, metric, status, series, epoch, learn, holdout } = reward
  const { bound, aggregation, stickiness, delayWindowSeconds, experiment } = reward
  const delays = delayWindowSeconds === undefined ? {} : { delayWindowSeconds }
  return {
    variant,
    metric,
    status,
    series,
    epoch,
    learn,
    holdout,
    bound,
    aggregation,
    stickiness,
    ...delays,
    experiment,
  }
}
