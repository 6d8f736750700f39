import { describe, expect, it } from "vitest"
import { type Status, statusAfter, type Transition } from "#src/domain/life-cycle.ts"
import { onSchedule } from "#src/domain/schedule.ts"
import { experimentOf } from "./snapshot-of.ts"

const START = "2026-12-01T08:00:00+01:00"
const END = "2026-12-02T07:00:00Z"
const AT = { before: "2026-12-01T06:59:59Z", between: "2026-12-01T07:00:00Z", after: "2026-12-02T07:00:00Z" }

describe("a schedule", () => {
  it.each<[Status, keyof typeof AT, Status]>([
    ["draft", "before", "draft"],
    ["draft", "between", "running"],
    ["draft", "after", "draft"],
    ["running", "between", "running"],
    ["running", "after", "concluded"],
    ["paused", "between", "paused"],
    ["paused", "after", "concluded"],
    ["concluded", "between", "concluded"],
  ])("makes of a %s experiment, %s its times, a %s one", (status, when, then) => {
    const experiment = experimentOf({ status, schedule: { startAt: START, endAt: END } })
    expect(onSchedule(experiment, Date.parse(AT[when])).status).toBe(then)
  })

  it("changes nothing where there is none", () => {
    const experiment = experimentOf({ status: "draft" })
    expect(onSchedule(experiment, Date.parse(AT.after))).toBe(experiment)
  })
})

describe("a step of a life", () => {
  it.each<[Transition, Status, Status]>([
    ["start", "draft", "running"],
    ["start", "running", "running"],
    ["pause", "draft", "paused"],
    ["pause", "running", "paused"],
    ["resume", "paused", "running"],
    ["conclude", "paused", "concluded"],
    ["conclude", "concluded", "concluded"],
  ])("%s of a %s experiment makes it %s", (transition, status, then) => {
    expect(statusAfter(transition, status)).toBe(then)
  })

  it.each<[Transition, Status]>([
    ["start", "paused"],
    ["start", "concluded"],
    ["pause", "concluded"],
    ["resume", "draft"],
  ])("can't %s a %s experiment", (transition, status) => {
    expect(() => statusAfter(transition, status)).toThrow(expect.objectContaining({ code: "transition_refused" }))
  })
})
