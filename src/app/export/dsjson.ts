import type { ExportedRow } from "./exported-rows.ts"

/**
 * A row as one line of Vowpal Wabbit's decision-service JSON (`--dsjson`): its reward as a cost, the probability that it was drawn with, and every
 * variant that could have been served as an action with one feature, its name. Actions are numbered from 1 in the order of `variants`; `a` and `p` have the
 * served one first.
 *
 * @param variants names by index
 */
export function dsjsonLine(variants: readonly string[], row: ExportedRow): string {
  const { decisionId, at, variant, probabilities, named, reward, features } = row
  const actions = variants.flatMap((_, index) => (named[index] === true || index === variant ? [index] : []))
  const place = actions.indexOf(variant)
  const others = actions.filter((index) => index !== variant)
  const cost = reward === 0 ? 0 : -reward
  return `${JSON.stringify({
    _label_cost: cost,
    _label_probability: probabilities[variant],
    _label_Action: place + 1,
    _labelIndex: place,
    Timestamp: new Date(at).toISOString(),
    Version: "1",
    EventId: decisionId,
    a: [variant, ...others].map((index) => actions.indexOf(index) + 1),
    c: { ...namespaces(features), _multi: actions.map((index) => ({ variant: { name: variants[index] } })) },
    p: [variant, ...others].map((index) => probabilities[index]),
  })}\n`
}

/** What all actions share: a namespace of features, or one for each instance of a slate. */
function namespaces(features: unknown): object {
  if (features === null || typeof features !== "object") return {}
  if (!Array.isArray(features)) return { features }
  return Object.fromEntries(features.map((instance: unknown, index) => [`instance${index}`, instance]))
}
