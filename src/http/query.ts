import { GatewayError } from "../domain/errors.ts"
import { didYouMean } from "../domain/nearest-name.ts"
import { type Call, queryOf } from "./call.ts"
import { MAX_VALUE_LENGTH } from "./contract/operation.ts"

const PLAIN = /^[\w .:-]{1,64}$/

/** The query of a call, each parameter at most once. */
export class Query {
  readonly #given: URLSearchParams

  /** @throws GatewayError `bad_request` for parameters that are not among `known`, or given twice */
  constructor(call: Call, known: readonly string[]) {
    this.#given = new URLSearchParams(queryOf(call))
    for (const name of this.#given.keys()) {
      if (known.includes(name)) {
        if (this.#given.getAll(name).length > 1) throw wrong(`?${name} is given twice.`)
        continue
      }
      const shown = PLAIN.test(name) ? `?${name} is not a parameter here${didYouMean(name, known)}. ` : ""
      throw wrong(`${shown}There are ${known.map((one) => `?${one}`).join(", ")}.`)
    }
  }

  /** A parameter's text; undefined where it isn't given. */
  text(name: string): string | undefined {
    const value = this.#given.get(name) ?? undefined
    if (value === undefined) return undefined
    if (value === "" || value.length > MAX_VALUE_LENGTH || !value.isWellFormed()) {
      throw wrong(`?${name} has 1 to ${MAX_VALUE_LENGTH} characters.`)
    }
    return value
  }

  flag(name: string): boolean {
    const value = this.#given.get(name) ?? "false"
    if (value !== "true" && value !== "false") throw wrong(`?${name} is true or false.`)
    return value === "true"
  }

  /** A whole number; undefined where it isn't given. */
  count(name: string, least: number, most: number): number | undefined {
    const value = this.#given.get(name)
    if (value === null) return undefined
    const count = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN
    if (!(count >= least && count <= most)) throw wrong(`?${name} is a whole number from ${least} to ${most}.`)
    return count
  }

  /** Values between commas; none where it isn't given. */
  list(name: string): readonly string[] {
    const text = this.text(name)
    return text === undefined ? [] : text.split(",").map((one) => one.trim())
  }

  /** The same, each one of these. */
  listOf<Value extends string>(name: string, known: readonly Value[]): readonly Value[] {
    return this.list(name).map((given) => {
      const value = known.find((one) => one === given)
      if (value === undefined) throw wrong(`?${name} takes ${known.join(", ")}, several between commas.`)
      return value
    })
  }
}

function wrong(detail: string): GatewayError {
  return new GatewayError("bad_request", { detail })
}
