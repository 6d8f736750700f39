import { setImmediate as nextRound } from "node:timers/promises"
import * as fc from "fast-check"
import { expect, it } from "vitest"
import { createModel, loadArtifact } from "#src/adapters/embedded-scorer/artifact.ts"
import { type Served, ServedExperiments } from "#src/app/served-experiments.ts"
import { type Definitions, definitionOf, withRevision } from "#src/domain/definitions.ts"
import type { Experiment } from "#src/domain/experiment.ts"
import { createSnapshot, withPlan } from "#src/domain/snapshot.ts"
import type { KnownDefinitions, PlainPlan, PlainServed } from "#src/entry/threads/functions.ts"
import { fromPlain, replanned, toPlain } from "#src/entry/threads/plain-served.ts"
import { ToldExperiments } from "#src/entry/threads/told-experiments.ts"
import { TINY_MODEL, weightsBytes } from "#test/adapters/embedded-scorer/tiny-artifact.ts"
import { experimentOf } from "#test/domain/snapshot-of.ts"

const MODEL = createModel({
  ...loadArtifact(TINY_MODEL, weightsBytes(), undefined, (bytes) => new SharedArrayBuffer(bytes)).parts,
  sha256: "5ca1ab1e",
})
const IDS = ["e", "f"] as const

/** The next revision of an experiment. */
function nextRevision(id: string, known: Definitions, revision: number): Served {
  const experiment = experimentOf({ id })
  const plan = { allocation: [0.25, 0.75], reasons: ["policy", "policy"] } as const
  return {
    snapshot: createSnapshot({ experiment, revision, stateVersion: 1, plan, keyId: "k1" }),
    endpoints: [MODEL, MODEL],
    definitions: withRevision(known, definitionOf(experiment, revision, 1), 0),
  }
}

/** So many rounds of the event loop. */
async function rounds(count: number): Promise<void> {
  for (let done = 0; done < count; done++) await nextRound()
}

/** No document here names a target. */
function noTarget(): never {
  throw new Error("there are no targets")
}

/** A thread that serves, as `serving-thread.ts` does what it is told: in order, and each after a while. */
class Thread {
  readonly experiments = new ServedExperiments()
  readonly #takes: () => number
  #last: Promise<void> = Promise.resolve()

  /** @param takes how many rounds of the event loop the next call takes */
  constructor(takes: () => number) {
    this.#takes = takes
  }

  call(name: string, argument: unknown): Promise<void> {
    this.#last = this.#after(this.#last, name, argument)
    return this.#last
  }

  async #after(earlier: Promise<void>, name: string, argument: unknown): Promise<void> {
    await earlier
    await rounds(this.#takes())
    this.#take(name, argument)
  }

  #take(name: string, argument: unknown): void {
    const { experiments } = this
    if (name === "learn") {
      const { experiment, definitions } = argument as KnownDefinitions
      experiments.learn(experiment, definitions)
    } else if (name === "serve") experiments.publish(fromPlain(argument as PlainServed, [], noTarget))
    else if (name === "remove") experiments.remove(argument as Experiment["id"])
    else {
      const plan = argument as PlainPlan
      const served = experiments.get(plan.experiment)
      if (served !== undefined) experiments.publish(replanned(served, plan))
    }
  }
}

type Step = { readonly kind: "edit" | "reallocate" | "remove"; readonly id: (typeof IDS)[number] }

const anyStep: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom("edit", "edit", "reallocate", "reallocate", "remove"),
  id: fc.constantFrom(...IDS),
})

it("lets no thread decide by a revision before all know what its rewards mean, and brings all to the same in the end", async () => {
  expect.hasAssertions()
  const whiles = fc.infiniteStream(fc.nat(4))
  await fc.assert(
    fc.asyncProperty(whiles, fc.array(anyStep, { minLength: 1, maxLength: 20 }), async (delays, steps) => {
      const takes = () => delays.next().value
      const threads = [new Thread(takes), new Thread(takes), new Thread(takes)]
      const told = new ToldExperiments(undefined, {
        callAll: async (name, argument) => {
          // What crosses threads is copied.
          const copy = structuredClone(argument)
          await Promise.all(threads.map((thread) => thread.call(name, copy)))
          return []
        },
      })
      for (const [index, step] of steps.entries()) {
        take(step, index + 1, told)
        await rounds(takes())
        expectAllKnow(threads)
      }
      await told.told()
      expect(told.untold).toBe(0)
      for (const { experiments } of threads) {
        for (const id of IDS) {
          const [there, here] = [experiments.get(id), told.get(id)]
          expect(there?.snapshot).toEqual(here?.snapshot)
          expect(there?.definitions).toEqual(here?.definitions)
          expect(experiments.wasRemoved(id)).toBe(told.wasRemoved(id))
        }
      }
    }),
    { numRuns: 100 },
  )
})

it("tells what is published in the very moment in which the last is acknowledged", async () => {
  for (let steps = 0; steps < 12; steps++) {
    const thread = new Thread(() => 3)
    const calls: Promise<void>[] = []
    const told = new ToldExperiments(undefined, {
      callAll: async (name, argument) => {
        const call = thread.call(name, structuredClone(argument))
        calls.push(call)
        await call
        return []
      },
    })
    take({ kind: "edit", id: "e" }, 1, told)
    // The second is the last of a revision.
    while (calls.length < 2) await nextRound()
    await calls[1]
    for (let step = 0; step < steps; step++) await Promise.resolve()
    take({ kind: "edit", id: "e" }, 2, told)
    await told.told()
    expect([steps, thread.experiments.get("e")?.snapshot.revision]).toEqual([steps, 2])
  }
})

function take({ kind, id }: Step, revision: number, told: ToldExperiments): void {
  const served = told.get(id)
  if (kind === "edit") told.publish(nextRevision(id, told.definitionsOf(id), revision))
  else if (served === undefined) return
  else if (kind === "remove") told.remove(served.snapshot.experiment.id)
  else {
    const stateVersion = served.snapshot.stateVersion + 1
    const share = 1 / (1 + stateVersion)
    const plan = { allocation: [share, 1 - share], reasons: ["policy", "policy"] } as const
    told.publish({ ...served, snapshot: withPlan(served.snapshot, { stateVersion, plan }) })
  }
}

/** Whatever one of them decides by, the others take rewards of; but for those that have heard already that it is gone. */
function expectAllKnow(threads: readonly Thread[]): void {
  for (const { snapshot } of threads.flatMap(({ experiments }) => experiments.all())) {
    const { id } = snapshot.experiment
    const ignorant = threads.filter(({ experiments }) => !experiments.takenRewards(id)?.has(snapshot.revision))
    expect(ignorant.filter(({ experiments }) => !experiments.wasRemoved(id))).toEqual([])
  }
}

it("serves the same model to all variants and revisions that name it, over the same memory", () => {
  const served = nextRevision("e", new Map(), 1)
  const first = fromPlain(structuredClone(toPlain(served)), [], noTarget)
  const second = fromPlain(structuredClone(toPlain(served)), first.endpoints, noTarget)
  const [endpoint] = first.endpoints
  expect(endpoint).toBeDefined()
  expect([...first.endpoints, ...second.endpoints].every((one) => one === endpoint)).toBe(true)
  const { table } = MODEL.parts
  expect(toPlain(first).models[0]?.table.coefficients.buffer).toBeInstanceOf(SharedArrayBuffer)
  table.coefficients[0] = 0.125
  expect(toPlain(first).models[0]?.table.coefficients[0]).toBe(0.125)
})
