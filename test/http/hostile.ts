import { expect } from "vitest"
import { mismatch } from "./published-schema.ts"

/** One input of the list of hostile inputs in `docs/http-api.md`'s sense: bytes that no honest client sends. */
export interface HostileInput<Target> {
  /** Its row in the project's list of hostile inputs: rows that share a number are variations of one attack. */
  readonly row: number
  readonly what: string
  /** Sends it. `mark` goes wherever the input has room for text: the answer must not depend on it. */
  readonly send: (target: Target, mark: string) => Promise<Response>
  readonly status: number
  /** Last segment of the problem's type; undefined where the input is harmless and answered as any other. */
  readonly slug?: string
}

/** Two texts of one length that an answer could only have from the input. */
export const MARKS = ["zqjxkvwpzqjx", "wvkpqzjxwvkp"] as const

const BOUND_MS = 1000
const PROTOTYPE = Object.getOwnPropertyNames(Object.prototype).length

/** What everything hostile is answered with: the right problem, as a problem document, soon. */
export async function expectRefused(response: Response, status: number, slug: string): Promise<string> {
  const text = await response.text()
  expect([response.status, text]).toEqual([status, expect.stringContaining(`"type":"/problems/${slug}"`)])
  expect(response.headers.get("content-type")).toBe("application/problem+json")
  const problem: unknown = JSON.parse(text)
  expect(mismatch("Problem", problem)).toBeUndefined()
  expect(problem).toMatchObject({ status })
  return text
}

/** Sends an input with both marks: both answers are the same to the byte, so that nothing of the input is in them. */
export async function attack<Target>(target: Target, input: HostileInput<Target>): Promise<void> {
  const texts: string[] = []
  for (const mark of MARKS) {
    const response = await soon(input.send(target, mark))
    if (input.slug === undefined) expect(response.status).toBe(input.status)
    else texts.push(await expectRefused(response, input.status, input.slug))
  }
  expect(texts[0]).toBe(texts[1])
  expectIntactPrototype()
}

/** No input has added a member to every object. */
export function expectIntactPrototype(): void {
  expect(Object.getOwnPropertyNames(Object.prototype)).toHaveLength(PROTOTYPE)
  expect(Reflect.get({}, "x")).toBeUndefined()
}

/** The promise, or an error when it takes longer than any answer may. */
export async function soon<T>(promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${BOUND_MS} ms`)), BOUND_MS)
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

export function titleOf({ row, what }: { readonly row: number; readonly what: string }): string {
  return `${row}: ${what}`
}
