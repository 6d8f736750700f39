import type { InputError } from "../../domain/errors.ts"
import { nearestName } from "../../domain/nearest-name.ts"

/** Comparing names costs, a batch has 1,000 items, and nobody slips more often than this. */
const MOST_COMPARED = 5
/** What can be repeated in a pointer as it is. */
const PLAIN = /^[\w .:-]+$/

/**
 * What is wrong with members that a body doesn't have: a misspelt one is named with what was meant, the others are told together what there is.
 *
 * Only names that are nearly one of ours are repeated: nothing else of a request is ever in its answer.
 *
 * @param otherWords other words for members, lower case without separators
 */
export function unknownMembers(
  names: readonly string[],
  known: readonly string[],
  otherWords: ReadonlyMap<string, string>,
): InputError[] {
  const errors: InputError[] = []
  let others = names.length > MOST_COMPARED
  for (const name of names.slice(0, MOST_COMPARED)) {
    const meant = nearestName(name, known, otherWords)
    if (meant === undefined || !PLAIN.test(name)) others = true
    else errors.push({ pointer: `/${name}`, detail: `is not a member; did you mean ${meant}?` })
  }
  if (others) errors.push({ pointer: "", detail: `has a field besides ${known.join(", ")}` })
  return errors
}
