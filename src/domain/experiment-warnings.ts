import { allocate } from "#policies/allocate.ts"
import { policyChoice } from "#policies/policy-document.ts"
import { findPolicy } from "#policies/registry.ts"
import type { Experiment } from "./experiment.ts"
import { longestWindowSeconds } from "./metric.ts"

/** What is valid and probably not meant. `pointer` is an RFC 6901 JSON pointer into the document. */
export interface DocumentWarning {
  readonly pointer: string
  readonly detail: string
}

/** Below it, one decision of a rare variant weighs in an estimate as much as a hundred others. */
const LEAST_FLOOR = 0.01

/** What the document alone gives reason to warn of. */
export function documentWarnings(experiment: Experiment): DocumentWarning[] {
  return [...floorWarnings(experiment), ...memoryWarnings(experiment)]
}

function floorWarnings(experiment: Experiment): DocumentWarning[] {
  const { policy } = experiment
  if (findPolicy(policy.kind).learns === false) return []
  const least = leastShare(experiment)
  if (least >= LEAST_FLOOR) return []
  const detail = `is ${policy.minPropensity}: a variant that does badly gets ${Number(least.toPrecision(2))} of the traffic, too little to tell from the log what another policy would have earned. From ${LEAST_FLOOR} on it can be told.`
  return [{ pointer: "/policy/minPropensity", detail }]
}

/** What a variant gets in the long run that never earns anything while another earns the most. */
function leastShare({ variants, policy, reward }: Experiment): number {
  const [least, most] = reward.bounds
  const decisions = 1e6
  const arms = variants
    .filter(({ enabled }) => enabled)
    .map(({ id, weight }, index) => {
      const value = index === 0 ? most : least
      const sums = { sum: decisions * value, sumSq: decisions * value * value }
      return { id, weight, n: decisions, pending: 0, lifetime: decisions, ...sums }
    })
  const { allocation } = allocate(
    policyChoice(policy),
    arms,
    arms.map(() => true),
  )
  return Math.min(...allocation)
}

function memoryWarnings(experiment: Experiment): DocumentWarning[] {
  const { memory } = experiment
  if (memory.kind === "all") return []
  const windowSeconds = longestWindowSeconds(experiment)
  const [field, seconds] =
    memory.kind === "window" ? ["seconds", memory.seconds] : ["halfLifeSeconds", memory.halfLifeSeconds]
  if (seconds >= windowSeconds) return []
  const detail = `is ${seconds}, and rewards are taken for ${windowSeconds} seconds: decisions are forgotten before their rewards have come. Make it longer than the longest attributionWindowSeconds.`
  return [{ pointer: `/memory/${field}`, detail }]
}
