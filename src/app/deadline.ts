import { GatewayError } from "../domain/errors.ts"
import { TIMED_OUT, within } from "./within.ts"

/** How long a gateway waits for any answer of a store. */
const ANSWER_WITHIN_MS = 2_000

/**
 * The same store, none of whose calls waits for ever: one that doesn't answer would hold up folding, reallocation and publishing.
 *
 * A call that is given up may still have been done; a fold that repeats its end is harmless for that reason.
 *
 * @param longer methods that take longer, with their milliseconds; `Infinity`: without a deadline
 * @param answerWithinMs how long to wait for the others
 * @returns the store; its promises reject with GatewayError `store_unavailable` after the deadline
 */
export function withDeadlines<Store extends object>(
  store: Store,
  longer: Partial<Record<keyof Store, number>> = {},
  answerWithinMs = ANSWER_WITHIN_MS,
): Store {
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== "function") return member
      const timeoutMs = longer[name as keyof Store] ?? answerWithinMs
      return (...given: unknown[]): unknown => {
        const answer: unknown = Reflect.apply(member, target, given)
        return answer instanceof Promise && Number.isFinite(timeoutMs)
          ? inTime(String(name), answer, timeoutMs)
          : answer
      }
    },
  })
}

async function inTime(operation: string, answer: Promise<unknown>, timeoutMs: number): Promise<unknown> {
  const settled = await within(answer, timeoutMs)
  if (settled !== TIMED_OUT) return settled
  throw new GatewayError("store_unavailable", {
    detail: `the store did not answer ${operation} within ${timeoutMs} ms`,
  })
}
