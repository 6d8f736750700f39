import { describe, expect, it } from "vitest"
import { canary } from "#policies/canary.ts"
import { onLargest, proportional } from "#policies/shares.ts"
import { softmax } from "#policies/softmax.ts"
import { staticSplit } from "#policies/static.ts"
import { arm } from "./arms.ts"
import { knownAnswers } from "./known-answers.ts"

describe("static", () => {
  it("follows the weights and nothing else", () => {
    expect(
      staticSplit.allocate([arm({ weight: 3, n: 10, sum: 0 }), arm({ id: "b", weight: 1, n: 10, sum: 10 })]),
    ).toEqual([0.75, 0.25])
  })
})

describe("canary", () => {
  const list = [arm({ id: "a", weight: 3 }), arm({ id: "new", weight: 9 }), arm({ id: "b", weight: 1 })]

  it("gives the challenger its share and the rest by weight", () => {
    expect(canary.allocate(list, { challenger: "new", share: 0.2 })).toEqual([
      expect.closeTo(0.6, 12),
      0.2,
      expect.closeTo(0.2, 12),
    ])
  })

  it("is 95 to 5 for two arms and a share of 0.05", () => {
    const allocation = canary.allocate([arm({ id: "control" }), arm({ id: "canary" })], {
      challenger: "canary",
      share: 0.05,
    })
    expect(allocation).toEqual([0.95, 0.05])
  })

  it("serves the others while the challenger is away, and the challenger when it is alone", () => {
    expect(canary.allocate([arm({ id: "a", weight: 3 }), arm({ id: "b" })], { challenger: "new", share: 0.2 })).toEqual(
      [0.75, 0.25],
    )
    expect(canary.allocate([arm({ id: "new" })], { challenger: "new", share: 0.2 })).toEqual([1])
  })
})

describe("softmax", () => {
  it.each(knownAnswers.softmax)("gives $out", ({ scale, scores, tau, means, out }) => {
    const temperature = tau ?? 1 / (scale ?? 1)
    const list = (means ?? scores ?? []).map((mean, i) => arm({ id: String(i), n: 1, sum: mean }))
    softmax
      .allocate(list, { temperature })
      .forEach((probability, i) => expect(Math.abs(probability - (out[i] ?? 0))).toBeLessThan(1e-11))
  })

  it("takes an arm without data for as good as the best", () => {
    const [first, second, third] = softmax.allocate(
      [arm({ n: 10, sum: 1 }), arm({ id: "b" }), arm({ id: "c", n: 10, sum: 5 })],
      { temperature: 0.1 },
    )
    expect(second).toBe(third)
    expect(first).toBeLessThan(second ?? 0)
  })

  it("is greedy at a temperature near 0, without overflow", () => {
    expect(
      softmax.allocate([arm({ n: 1, sum: 1e4, sumSq: 1e8 }), arm({ id: "b", n: 1, sum: 0 })], { temperature: 1e-9 }),
    ).toEqual([1, 0])
  })
})

describe("shares", () => {
  it("are in proportion, equal when all are 0, and finite for the largest numbers", () => {
    expect(proportional([2, 6])).toEqual([0.25, 0.75])
    expect(proportional([0, 0, 0, 0])).toEqual([0.25, 0.25, 0.25, 0.25])
    expect(proportional([Number.MAX_VALUE, Number.MAX_VALUE])).toEqual([0.5, 0.5])
  })

  it("go to all that are largest, infinite ones too", () => {
    expect(onLargest([1, 3, 3])).toEqual([0, 0.5, 0.5])
    expect(onLargest([Infinity, 3, Infinity])).toEqual([0.5, 0, 0.5])
  })
})
