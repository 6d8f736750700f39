import type { CounterCell } from "./counter-table.ts"
import type { GroupRow } from "./group-rows.ts"
import type { LogId, LogPosition } from "./log-position.ts"

/** Where one log stands in the counters of one experiment. */
export interface StoredPosition {
  readonly experiment: string
  readonly log: LogId
  readonly position: LogPosition
}

/** Units that a variant's decisions of one day or month had, which begins at `day`, epoch seconds. */
export interface StoredSketch {
  readonly experiment: string
  readonly variant: string
  readonly series: number
  readonly day: number
  readonly sketch: Uint8Array
}

/** Everything that a store holds of the counters, of all logs that are folded into it; not credits. */
export interface CounterContents {
  readonly positions: readonly StoredPosition[]
  readonly cells: readonly CounterCell[]
  readonly groups: readonly (GroupRow & { readonly experiment: string })[]
  readonly sketches: readonly StoredSketch[]
}

/** Big integers as decimal strings under a key of one letter, bytes as hexadecimal ones: JSON has neither. */
type Tagged = { readonly n: string } | { readonly b: string }

/** Contents as JSON. */
export function encodeContents(contents: CounterContents): string {
  return JSON.stringify(contents, (_, value: unknown): unknown => {
    if (typeof value === "bigint") return { n: value.toString() } satisfies Tagged
    return value instanceof Uint8Array ? ({ b: value.toHex() } satisfies Tagged) : value
  })
}

/**
 * Contents as `encodeContents` wrote them. Whoever keeps the text vouches for it being whole: what is inside the four lists is not checked.
 *
 * @returns undefined for a text that isn't JSON or lacks one of the lists
 */
export function decodeContents(text: string): CounterContents | undefined {
  try {
    const value: unknown = JSON.parse(text, (_, member: unknown) => untag(member))
    return isContents(value) ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function untag(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value
  if ("n" in value && typeof value.n === "string") return BigInt(value.n)
  return "b" in value && typeof value.b === "string" ? Uint8Array.fromHex(value.b) : value
}

function isContents(value: unknown): value is CounterContents {
  if (typeof value !== "object" || value === null) return false
  const lists: Readonly<Record<string, unknown>> = { ...value }
  return ["positions", "cells", "groups", "sketches"].every((name) => Array.isArray(lists[name]))
}
