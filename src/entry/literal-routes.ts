import type { Route } from "../http/application.ts"
import type { AnswerCall } from "../http/call.ts"
import type { Partition } from "../http/overload/partition.ts"

/** Where a request goes, and what its path has in the place of the route's parameter. */
export interface Match {
  readonly answer: AnswerCall
  readonly parameter: { readonly name: string; readonly value: string } | undefined
  /** Whose share of the gateway it takes. */
  readonly partition: Partition | undefined
}

/** What means the same however a path is read: nothing to decode, no dots. */
const PLAIN_SEGMENT = /^[a-z0-9-]+$/

/**
 * Finds routes by comparing text: the method and path of a request are literally those of the contract, with at most a plain last segment as a
 * parameter and a query behind. Any other spelling of a path is for a router that understands URLs; where both find a route, it is the same one.
 */
export class LiteralRoutes {
  readonly #whole = new Map<string, Match>()
  /** By the path up to and with its last slash. */
  readonly #open = new Map<string, Omit<Match, "parameter"> & { readonly name: string }>()

  constructor(routes: readonly Route[]) {
    for (const { path, methods, partition } of routes) {
      const [, before, name] = /^([^{]*\/)\{(\w+)\}$/.exec(path) ?? []
      for (const [method, answer] of methods) {
        if (before !== undefined && name !== undefined)
          this.#open.set(`${method} ${before}`, { answer, name, partition })
        else this.#whole.set(`${method} ${path}`, { answer, parameter: undefined, partition })
      }
    }
  }

  find(method: string, target: string): Match | undefined {
    const whole = this.#whole.get(`${method} ${target}`)
    // Where a fragment would begin, URLs end.
    if (whole !== undefined || target.includes("#")) return whole
    const query = target.indexOf("?")
    const path = query < 0 ? target : target.slice(0, query)
    if (query >= 0) {
      const before = this.#whole.get(`${method} ${path}`)
      if (before !== undefined) return before
    }
    const cut = path.lastIndexOf("/") + 1
    const open = this.#open.get(`${method} ${path.slice(0, cut)}`)
    const value = path.slice(cut)
    if (open === undefined || !PLAIN_SEGMENT.test(value)) return undefined
    return { answer: open.answer, parameter: { name: open.name, value }, partition: open.partition }
  }

  /** Whose share of the gateway a request takes that no route was found for. */
  partitionOf(method: string, target: string): Partition | undefined {
    // Balancers ask for health with HEAD.
    const get = method === "HEAD" ? this.find("GET", target) : undefined
    if (get !== undefined) return get.partition
    return method === "POST" ? "predict" : "admin"
  }
}
