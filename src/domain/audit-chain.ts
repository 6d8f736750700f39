import { readJson } from "./json-text.ts"

/** What precedes the first line. */
export const NO_LINE = "0".repeat(64)

/** What a line says about its place, first of all: a check needs no more of it. */
const PLACE = /^\{"prev":"([0-9a-f]{64})","seq":([1-9]\d{0,14}),"chain":"([0-9a-f]{16})",/

/** SHA-256 of a text, in hex. */
export type Sha256 = (text: string) => string

/** A place in a trail that its line and a streamed head agree on, or should. */
export interface ChainPlace {
  readonly chain: string
  readonly seq: number
  /** SHA-256 of the line. */
  readonly hash: string
}

/** One thing wrong with a trail. `line` counts lines of the file from 1. */
export interface ChainProblem {
  readonly line: number
  readonly message: string
}

/** A line of a trail without its line feed: its place, then what it records. */
export function chainLine(head: ChainPlace, record: Readonly<Record<string, unknown>>): string {
  const { chain, seq, hash } = head
  return JSON.stringify({ prev: hash, seq: seq + 1, chain, ...record })
}

/** The place of a line; undefined for what is no line of a trail. */
export function placeOf(line: string, sha256: Sha256): ChainPlace | undefined {
  const [, , seq, chain] = PLACE.exec(line) ?? []
  return chain === undefined ? undefined : { chain, seq: Number(seq), hash: sha256(line) }
}

/** What is wrong beyond this is more of the same. */
const MOST_PROBLEMS = 20

/**
 * Checks a trail line by line: each carries the hash of the one before, and counts on by one. What was changed, left out, added or exchanged
 * breaks that at the line behind it; a change of the last lines, or a tail that was cut, only the streamed heads tell.
 */
export class ChainCheck {
  readonly problems: ChainProblem[] = []
  readonly #sha256: Sha256
  readonly #heads: ReadonlyMap<number, ChainPlace>
  #last: ChainPlace | undefined
  #lines = 0

  /** @param heads what was streamed of this trail */
  constructor(sha256: Sha256, heads: readonly ChainPlace[] = []) {
    this.#sha256 = sha256
    this.#heads = new Map(heads.map((head) => [head.seq, head]))
  }

  /** Lines that were taken. */
  get lines(): number {
    return this.#lines
  }

  take(line: string): void {
    this.#lines += 1
    const [, prev, digits, chain] = PLACE.exec(line) ?? []
    if (chain === undefined || readJson(line) === undefined) {
      this.#report("is not a line of an audit trail")
      this.#last = { chain: this.#last?.chain ?? "", seq: (this.#last?.seq ?? 0) + 1, hash: this.#sha256(line) }
      return
    }
    const seq = Number(digits)
    const expected = (this.#last?.seq ?? 0) + 1
    if (seq > expected)
      this.#report(`is number ${seq}, and ${expected} was to come: ${seq - expected} missing, or out of order`)
    else if (seq < expected) this.#report(`is number ${seq}, and ${expected} was to come: added, or out of order`)
    else if (prev !== (this.#last?.hash ?? NO_LINE))
      this.#report("does not follow from the line before it: that line was changed")
    if (this.#last !== undefined && chain !== this.#last.chain) this.#report(`is of another trail, ${chain}`)
    this.#last = { chain, seq, hash: this.#sha256(line) }
    const head = this.#heads.get(seq)
    if (head !== undefined && head.hash !== this.#last.hash)
      this.#report("is not the line that was streamed: it was changed")
  }

  /** Called once behind the last line. @returns where the trail ends */
  end(): ChainPlace | undefined {
    const streamed = Math.max(0, ...this.#heads.keys())
    const reached = this.#last?.seq ?? 0
    if (streamed > reached) {
      this.#lines += 1
      this.#report(`is missing: the trail ends at number ${reached}, and its head was at ${streamed} once`)
      this.#lines -= 1
    }
    return this.#last
  }

  #report(message: string): void {
    if (this.problems.length < MOST_PROBLEMS) this.problems.push({ line: this.#lines, message })
  }
}
