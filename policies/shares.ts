/** Numbers ≥ 0 in proportion, summing to 1; equal shares when all are 0. */
export function proportional(weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  if (total === 0) return weights.map(() => 1 / weights.length)
  if (total < Infinity) return weights.map((weight) => weight / total)
  const largest = Math.max(...weights)
  return proportional(weights.map((weight) => weight / largest))
}

/** Everything to the largest score, split equally among those that share it. Infinity is a score like any other. */
export function onLargest(scores: readonly number[]): number[] {
  const largest = Math.max(...scores)
  return proportional(scores.map((score) => (score === largest ? 1 : 0)))
}
