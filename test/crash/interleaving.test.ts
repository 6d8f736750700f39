import { join } from "node:path"
import * as fc from "fast-check"
import { expect, it } from "vitest"
import { createMemoryCounterStore } from "#src/adapters/memory/counter-store.ts"
import { createSqliteCounterStore } from "#src/adapters/sqlite/counter-store.ts"
import { Database } from "#src/adapters/sqlite/database.ts"
import { check } from "#src/app/rebuild.ts"
import type { OutcomeEvent } from "#src/domain/events.ts"
import type { CounterArchive } from "#src/ports/counter-archive.ts"
import type { CounterStore } from "#src/ports/counter-store.ts"
import type { GatedStore } from "#test/app/gated-store.ts"
import { ALL_OF_CHAMPION, rewardEvent } from "#test/outcomes.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { World } from "./world.ts"

type Store = CounterStore & CounterArchive

/** What happens to one of two gateways that share the store. */
type Step = { readonly gateway: 0 | 1 } & Happening

type Happening =
  | { readonly kind: "decide" }
  | { readonly kind: "reward"; readonly decision: number; readonly postback: string; readonly value: number }
  | { readonly kind: "store"; readonly state: GatedStore["state"] }
  | { readonly kind: "disk full" | "sync fails" | "disk heals" | "settle" }
  | { readonly kind: "crash"; readonly keep: number | undefined }

function anyStep(): fc.Arbitrary<Step> {
  return fc
    .tuple(fc.constantFrom(0 as const, 1 as const), anyHappening())
    .map(([gateway, happening]) => ({ gateway, ...happening }))
}

function anyHappening(): fc.Arbitrary<Happening> {
  return fc.oneof<fc.WeightedArbitrary<Happening>[]>(
    { weight: 4, arbitrary: fc.constant({ kind: "decide" }) },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant("reward"),
        decision: fc.nat(4),
        postback: fc.constantFrom("a", "b", "c"),
        value: fc.constantFrom(1, -2, 0.5),
      }),
    },
    { weight: 3, arbitrary: fc.constant({ kind: "settle" }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant("store"), state: fc.constantFrom("open", "refuses", "loses answers") }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("disk full", "sync fails", "disk heals") }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("crash"),
        keep: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
      }),
    },
  )
}

async function take(world: World, step: Step, serial: number): Promise<void> {
  if (step.kind === "decide") world.decide(`D${serial}`)
  else if (step.kind === "reward") {
    const decisionId = `D${step.decision}`
    const eventId = `r-${decisionId}-${step.postback}`
    world.reward(rewardEvent({ decisionId, eventId, value: step.value, bound: 8, aggregation: "sum" }))
  } else if (step.kind === "store") world.gate.state = step.state
  else if (step.kind === "disk full") {
    world.disk.fail("write", "ENOSPC")
    world.disk.writePartially(1_000)
  } else if (step.kind === "sync fails") world.disk.failOnce("datasync", "EIO")
  else if (step.kind === "disk heals") world.disk.heal()
  else if (step.kind === "crash") await world.crash(step.keep)
  else await world.settle()
}

/** What the counters must be: the rewards of each decision added up, each postback once; of two under one id the lesser. */
function expectedOf(events: readonly OutcomeEvent[]) {
  const postbacks = new Map<string, number>()
  for (const event of events) {
    if (event.type !== "reward") continue
    postbacks.set(event.eventId, Math.min(event.value, postbacks.get(event.eventId) ?? event.value))
  }
  const rewarded = new Set(events.flatMap((event) => (event.type === "reward" ? [event.decisionId] : [])))
  return {
    decisions: events.filter((event) => event.type === "decision").length,
    rewards: rewarded.size,
    sum: [...postbacks.values()].reduce((sum, value) => sum + value, 0),
  }
}

async function expectSurvival(steps: readonly Step[], folder: string, store: Store): Promise<void> {
  const worlds = [
    await World.begin(join(folder, "one", "outcomes"), store),
    await World.begin(join(folder, "two", "outcomes"), store),
  ] as const
  const compare = () =>
    check({ readers: worlds.map(({ reader }) => reader), archive: store, now: Date.now() }, () => {})
  for (const [serial, step] of steps.entries()) await take(worlds[step.gateway], step, serial)
  for (const world of worlds) await world.mend()
  expect(await compare()).toMatchObject({ equal: true, unfolded: 0 })
  for (const world of worlds) await world.crash(undefined)
  expect(await compare()).toMatchObject({ equal: true, unfolded: 0 })
  for (const world of worlds) await world.end()

  const events = worlds.flatMap((world) => world.events())
  const logged = new Set(events.map(({ eventId }) => eventId))
  const acknowledged = worlds.flatMap((world) => world.acknowledged)
  expect(acknowledged.filter(({ eventId }) => !logged.has(eventId))).toEqual([])
  const answered = worlds.flatMap((world) => [...world.answered])
  expect(answered.filter((decisionId) => !logged.has(`d-${decisionId}`))).toEqual([])

  const query = { ...ALL_OF_CHAMPION, bound: 8 }
  const { variants } = await store.statistics("banner-ctr", query)
  expect(variants[0]?.totals ?? { decisions: 0, rewards: 0, sum: 0 }).toMatchObject(expectedOf(events))
}

it.each([
  ["memory", 80, (): Store => createMemoryCounterStore()],
  [
    "SQLite",
    25,
    (): Store =>
      createSqliteCounterStore(
        new Database({ path: join(temporaryFolder(), "gateway.db") }, createRememberingLogger()),
      ),
  ],
] as const)(
  "keeps counters equal to the logs of two gateways and every acknowledged reward, through crashes and full disks, with counters in %s",
  async (_, numRuns, openStore) => {
    expect.hasAssertions()
    const root = temporaryFolder()
    const store = openStore()
    let run = 0
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep(), { minLength: 5, maxLength: 40 }), async (steps) => {
        run += 1
        await store.reset()
        await expectSurvival(steps, join(root, String(run)), store)
      }),
      { numRuns },
    )
    await store.close()
  },
)
