import { expect, it } from "vitest"
import { type Definitions, definitionOf, definitionsFrom, withRevision } from "#src/domain/definitions.ts"
import { experimentOf } from "./snapshot-of.ts"

const DAY = 86_400_000
const HOUR = 3_600_000
const hourly = experimentOf({ reward: { metric: "click", attributionWindowSeconds: 3600 } })
const weekly = experimentOf({
  metrics: [{ id: "order", attributionWindowSeconds: 7 * 86_400 }],
  reward: { metric: "click", attributionWindowSeconds: 60 },
})

function revisions(definitions: Definitions): number[] {
  return [...definitions.keys()]
}

it("says what each metric meant and how long tokens live: two of the longest windows", () => {
  const definition = definitionOf(weekly, 4, 2)
  expect(definition).toMatchObject({
    revision: 4,
    epoch: 2,
    stickiness: "unit",
    primary: "click",
    supersededAt: undefined,
  })
  expect([...definition.metrics.keys()]).toEqual(["click", "order"])
  expect(definition.tokenLifeMs).toBe(14 * DAY)
})

it("keeps a superseded revision while its tokens live, and a day longer", () => {
  const first = withRevision(new Map(), definitionOf(hourly, 1, 1), 0)
  const second = withRevision(first, definitionOf(hourly, 2, 1), DAY)
  expect(revisions(second)).toEqual([1, 2])
  expect(second.get(1)?.supersededAt).toBe(DAY)
  const dead = DAY + 2 * HOUR + DAY
  expect(revisions(withRevision(second, definitionOf(hourly, 3, 1), dead))).toEqual([1, 2, 3])
  expect(revisions(withRevision(second, definitionOf(hourly, 3, 1), dead + 1))).toEqual([2, 3])
})

it("keeps the newest revision however old it is, and stays the same when it is published again", () => {
  const first = withRevision(new Map(), definitionOf(hourly, 1, 1), 0)
  expect(withRevision(first, definitionOf(hourly, 1, 1), 1000 * DAY)).toEqual(first)
})

it("is made again from the history: live revisions, removals and what came after them", () => {
  const history = [
    { revision: 1, experiment: hourly, epoch: 1, at: 0 },
    { revision: 2, experiment: weekly, epoch: 2, at: DAY },
    { revision: 3, experiment: null, epoch: 2, at: 2 * DAY },
    { revision: 4, experiment: hourly, epoch: 3, at: 3 * DAY },
  ]
  expect(revisions(definitionsFrom(history, 3 * DAY))).toEqual([2, 4])
  expect(definitionsFrom(history, 3 * DAY).get(2)?.supersededAt).toBe(2 * DAY)
  expect(revisions(definitionsFrom(history, 40 * DAY))).toEqual([4])
  expect(revisions(definitionsFrom(history.slice(0, 3), 4 * DAY))).toEqual([2])
  expect(revisions(definitionsFrom([], DAY))).toEqual([])
})
