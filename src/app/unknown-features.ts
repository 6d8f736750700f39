import type { Features, ModelEndpoint } from "../ports/model-endpoint.ts"

/** One prediction of so many is looked at, the first included: a misspelt feature comes with every request. */
export const LOOK_EVERY = 64

interface Looks {
  /** What any variant's model reads; undefined where one of them can't tell. */
  readonly known: ReadonlySet<string> | undefined
  turn: number
}

/**
 * Counts features that no variant's model reads: embedded models ignore them, so that a misspelt name would go unnoticed.
 *
 * @returns a function that takes the endpoints of an experiment and the instances of one prediction, and says how many of their features are
 *          unknown; 0 for predictions that it doesn't look at
 */
export function createUnknownFeatureCount(): (
  endpoints: readonly ModelEndpoint[],
  instances: readonly Features[],
) => number {
  const looks = new WeakMap<readonly ModelEndpoint[], Looks>()
  return (endpoints, instances) => {
    let look = looks.get(endpoints)
    if (look === undefined) {
      look = { known: knownTo(endpoints), turn: 0 }
      looks.set(endpoints, look)
    }
    const { known } = look
    if (known === undefined || look.turn++ % LOOK_EVERY !== 0) return 0
    return instances.reduce((sum, instance) => sum + Object.keys(instance).filter((name) => !known.has(name)).length, 0)
  }
}

function knownTo(endpoints: readonly ModelEndpoint[]): ReadonlySet<string> | undefined {
  const known = endpoints.map(({ knownFeatures }) => knownFeatures)
  return known.includes(undefined) ? undefined : new Set(known.flatMap((names) => [...(names ?? [])]))
}
