import { join } from "node:path"
import seedrandom from "seedrandom"
import { expect, it } from "vitest"
import { createSqliteCounterStore } from "#src/adapters/sqlite/counter-store.ts"
import { Database } from "#src/adapters/sqlite/database.ts"
import { observe } from "#test/chaos/observe.ts"
import { reconcile } from "#test/chaos/reconcile.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { AdTraffic } from "./ad-traffic.ts"
import { GatewayProcess } from "./gateway-process.ts"

const KILLS = Number(process.env["KILLS"] ?? 50)
const SEED = process.env["SEED"] ?? String(Date.now())
const CLIENTS = 8
/** From before the first answer to well into several folds and syncs. */
const LONGEST_LIFE_MS = 250

/** A gateway that lives and dies `kills` times over one folder, and once more in peace. */
async function liveAndDie(folder: string, kills: number, threads: string, random: () => number): Promise<AdTraffic> {
  const start = () => GatewayProcess.start(folder, { THREADS: threads })
  const traffic = new AdTraffic(random)
  // Only a gateway that ends in peace leaves its compiled code to the next ones.
  await (await start()).stop()
  for (let kill = 0; kill < kills; kill++) {
    const gateway = await start()
    let alive = true
    const playing = traffic.play(
      () => gateway.address,
      CLIENTS,
      () => alive,
    )
    await new Promise((resolve) => setTimeout(resolve, random() * LONGEST_LIFE_MS))
    const killed = gateway.kill()
    alive = false
    await killed
    await playing
  }
  const survivor = await start()
  expect(await traffic.insist(survivor.address)).toBe(0)
  expect(await survivor.stop()).toBe(0)
  return traffic
}

async function expectNothingLostOrDoubled(folder: string, traffic: AdTraffic): Promise<void> {
  expect(traffic.decisions.length).toBeGreaterThan(0)
  const dataDir = join(folder, "data")
  const database = new Database({ path: join(dataDir, "gateway.db") }, createRememberingLogger())
  const store = createSqliteCounterStore(database)
  const { checked, events, counters } = await observe([dataDir], store)
  await store.close()
  expect(checked).toMatchObject({ equal: true, unfolded: 0, events: events.length })
  expect(reconcile(traffic, { events, counters })).toEqual([])
}

it(`loses and doubles nothing that was answered in ${KILLS} kills at random moments (SEED=${SEED})`, {
  timeout: 600_000,
}, async () => {
  expect.hasAssertions()
  // Two at a time, as most of a short life is its start: one with a single thread, one with two.
  const lanes = await Promise.all(
    ["1", "2"].map(async (threads, index) => {
      const folder = temporaryFolder()
      const kills = Math.floor((KILLS + index) / 2)
      return { folder, traffic: await liveAndDie(folder, kills, threads, seedrandom(`${SEED}-${threads}`)) }
    }),
  )
  for (const { folder, traffic } of lanes) {
    await expectNothingLostOrDoubled(folder, traffic)
    process.stdout.write(
      `${traffic.requests} requests: ${traffic.decisions.length} decisions answered and ${traffic.unanswered} not, ` +
        `${traffic.postbacks.length} rewards acknowledged, ${traffic.replays} replays\n`,
    )
  }
})
