import { GatewayError } from "../domain/errors.ts"
import type { Experiment } from "../domain/experiment.ts"
import type { StoredRevision } from "../ports/experiment-store.ts"

/**
 * Refuses an experiment whose id or names another experiment has: a caller who says one of them must be understood.
 *
 * @param newest the newest revision of every experiment, removed ones included
 * @throws GatewayError `validation_failed`
 */
export function refuseTakenNames(experiment: Experiment, newest: Iterable<StoredRevision>): void {
  const own = [experiment.id, ...experiment.names]
  for (const { experiment: other, document } of newest) {
    if (other === experiment.id || document === null) continue
    const taken = new Set([other, ...namesOf(document)])
    const name = own.find((one) => taken.has(one))
    if (name === undefined) continue
    const index = experiment.names.indexOf(name)
    const pointer = index < 0 ? "/id" : `/names/${index}`
    const detail = `is already ${name === other ? "the id" : "a name"} of the experiment ${other}`
    throw new GatewayError("validation_failed", {
      detail: `The name ${name} ${detail}.`,
      errors: [{ pointer, detail }],
    })
  }
}

/** Those of a stored document; older ones have none. */
function namesOf(document: unknown): readonly string[] {
  const has = typeof document === "object" && document !== null && "names" in document
  const names: unknown = has ? document.names : undefined
  return Array.isArray(names) ? names.filter((name) => typeof name === "string") : []
}
