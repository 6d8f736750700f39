import seedrandom from "seedrandom"
import { expect, it } from "vitest"
import type { DecisionEvent } from "#src/domain/events.ts"
import { createRig } from "./rig.ts"

const DECISIONS = 16_896

/** Plays decisions of an even split against models that fail as often as said, with a click for every tenth answer. */
async function play(failing: Readonly<Record<"a" | "b", number>>, failures: "count" | "exclude") {
  const rig = createRig()
  await rig.publish({ policy: { kind: "static" }, reward: { failures } })
  const random = seedrandom.alea("failures")
  for (const name of ["a", "b"] as const) {
    rig.model(name).behaviour = {
      kind: "score",
      score: () => {
        if (random() < failing[name]) throw new Error("told to fail")
        return 0.1
      },
    }
  }
  for (let i = 0; i < DECISIONS; i++) {
    const { answer, degraded, token } = await rig.predict({ unitId: `unit-${i}` })
    if (answer.answered && !degraded && random() < 0.1) await rig.post(token)
  }
  const decisions = (await rig.events()).filter((event) => event.type === "decision")
  return { decisions, totals: await rig.totals() }
}

/** How far the first variant's share of some decisions is from one half, in standard errors. */
function ratioZ(decisions: readonly DecisionEvent[]): number {
  const ofA = decisions.filter(({ variant }) => variant === "a").length
  return (ofA - decisions.length / 2) / Math.sqrt(decisions.length / 4)
}

it("keeps the ratio of decisions while both variants fail a tenth of their requests", async () => {
  const { decisions, totals } = await play({ a: 0.1, b: 0.1 }, "count")
  expect(decisions).toHaveLength(DECISIONS)
  expect(Math.abs(ratioZ(decisions))).toBeLessThan(3)
  expect((totals["a"]?.decisions ?? 0) + (totals["b"]?.decisions ?? 0)).toBe(DECISIONS)
  // What a log of answered decisions alone would show: a failure of `b` is answered by its fallback `a`, one of `a` by nobody.
  const answered = decisions.filter(({ servedBy }) => servedBy !== null)
  expect(ratioZ(answered)).toBeLessThan(-4)
})

it("lets a variant that fails a third of its requests earn that much less, or leaves its failures out where told to", async () => {
  const rates = async (failures: "count" | "exclude") => {
    const { totals } = await play({ a: 0, b: 1 / 3 }, failures)
    return ["a", "b"].map((id) => (totals[id]?.sum ?? 0) / (totals[id]?.decisions ?? 0))
  }
  const [a = 0, b = 0] = await rates("count")
  const error = Math.sqrt((0.1 * 0.9) / (DECISIONS / 2))
  expect(Math.abs(a - 0.1)).toBeLessThan(4 * error)
  expect(Math.abs(b - (2 / 3) * 0.1)).toBeLessThan(4 * error)
  const [, excluded = 0] = await rates("exclude")
  expect(Math.abs(excluded - 0.1)).toBeLessThan(5 * error)
})
