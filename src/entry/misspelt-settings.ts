import { SETTING_NAMES } from "../config.ts"
import { editsBetween } from "../domain/nearest-name.ts"

/** A shorter name is near to too many of other programs' names. */
const SHORTEST = 7
/** From this length on, two letters may be wrong; below it, one. */
const LONG = 9

/**
 * Names in an environment that are nearly a setting's: it acts as if unset, which its owner should hear. An environment is also full of other programs'
 * names, so that this is a warning and stops nothing.
 *
 * @returns a sentence for each
 */
export function misspeltSettings(environment: Readonly<Record<string, string | undefined>>): string[] {
  return Object.keys(environment).flatMap((name) => {
    if (SETTING_NAMES.includes(name)) return []
    const meant = SETTING_NAMES.find((known) => isNear(name.toUpperCase(), known))
    return meant === undefined ? [] : [`${name} is not a setting of this gateway; did you mean ${meant}?`]
  })
}

function isNear(name: string, known: string): boolean {
  if (name.length < SHORTEST || known.length < SHORTEST) return false
  const most = known.length < LONG ? 1 : 2
  return Math.abs(name.length - known.length) <= most && editsBetween(name, known) <= most
}
