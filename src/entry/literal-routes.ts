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

/** A path with one parameter: the text on both sides of it. */
interface OpenPath extends Omit<Match, "parameter"> {
  readonly name: string
  readonly after: string
}

/** What means the same however a path is read: nothing to decode, no dot at the beginning. */
const PLAIN_SEGMENT = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/

/**
 * Finds routes by comparing text: the method and path of a request are literally those of the contract, with at most one plain parameter and a
 * query behind. Any other spelling of a path is for a router that understands URLs; where both find a route, it is the same one.
 */
export class LiteralRoutes {
  readonly #whole = new Map<string, Match>()
  /** By the path up to and with the slash before its parameter. */
  readonly #open = new Map<string, OpenPath[]>()
  /** Where parameters may begin: how many slashes from the path's beginning. */
  readonly #slashes = new Set<number>()

  constructor(routes: readonly Route[]) {
    for (const { path, methods, partition } of routes) {
      const [, before, name, after] = /^([^{]*\/)\{(\w+)\}([^{]*)$/.exec(path) ?? []
      for (const [method, answer] of methods) {
        if (before !== undefined && name !== undefined && after !== undefined) {
          this.#slashes.add(before.split("/").length - 1)
          const known = this.#open.get(`${method} ${before}`) ?? []
          this.#open.set(`${method} ${before}`, [...known, { answer, partition, name, after }])
        } else if (!path.includes("{"))
          this.#whole.set(`${method} ${path}`, { answer, parameter: undefined, partition })
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
    let slash = 0
    for (let count = 1; slash >= 0; count++, slash = path.indexOf("/", slash + 1)) {
      const open = this.#slashes.has(count) ? this.#open.get(`${method} ${path.slice(0, slash + 1)}`) : undefined
      for (const { answer, partition, name, after } of open ?? []) {
        const value = path.slice(slash + 1, path.length - after.length)
        if (path.endsWith(after) && PLAIN_SEGMENT.test(value)) return { answer, parameter: { name, value }, partition }
      }
    }
    return undefined
  }

  /** Whose share of the gateway a request takes that no route was found for. */
  partitionOf(method: string, target: string): Partition | undefined {
    // Balancers ask for health with HEAD.
    const get = method === "HEAD" ? this.find("GET", target) : undefined
    if (get !== undefined) return get.partition
    return method === "POST" ? "predict" : "admin"
  }
}
