import { rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { audit } from "#src/cli/audit.ts"
import { parseConfig } from "#src/config.ts"
import { startGateway } from "#src/entry/node.ts"
import { GatewayClient, GatewayProblem } from "../../examples/client.ts"
import { capturedIo } from "../cli/captured-io.ts"
import { temporaryFolder } from "../temporary-folder.ts"

const document = (id: string, changes: Readonly<Record<string, unknown>> = {}) =>
  JSON.stringify({
    id,
    variants: ["ctr-raw", "ctr-prefixed"].map((model) => ({ id: model, backend: { kind: "embedded", model } })),
    control: "ctr-raw",
    policy: { kind: "static" },
    ...changes,
  })

/** A data folder and a folder of documents, with gateways over both that tests start and stop. */
function given(THREADS: string) {
  const DATA_DIR = temporaryFolder()
  const EXPERIMENTS_DIR = temporaryFolder()
  return {
    DATA_DIR,
    EXPERIMENTS_DIR,
    start: async () => {
      const settings = {
        PORT: "0",
        SHUTDOWN_DELAY_SECONDS: "0",
        LOG_LEVEL: "error",
        DATA_DIR,
        EXPERIMENTS_DIR,
        THREADS,
      }
      const gateway = await startGateway(parseConfig(settings))
      onTestFinished(() => gateway.stop())
      return { gateway, client: new GatewayClient({ address: gateway.address, timeoutMs: 20_000 }) }
    },
  }
}

async function problemOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call
  } catch (error) {
    if (error instanceof GatewayProblem) return error.problem
    throw error
  }
  return undefined
}

describe.each(["1", "2"])("given a gateway of %s threads over a folder", (threads) => {
  it("serves an edit everywhere as soon as it is answered, tells what is wrong with others, and keeps all across a start", async () => {
    const { DATA_DIR, EXPERIMENTS_DIR, start } = given(threads)
    await writeFile(join(EXPERIMENTS_DIR, "kept.json"), document("kept"))
    const { gateway, client } = await start()
    await client.putExperiment({ experiment: "made", body: document("made"), ifNoneMatch: "*" })
    for (let revision = 2; revision <= 6; revision++) {
      const ifMatch = `"${revision - 1}"`
      await client.patchExperiment({ experiment: "made", ifMatch, body: { description: `${revision}` } })
      const seen = await Promise.all(
        Array.from({ length: 8 }, () =>
          client.predictFor({ experiment: "made", body: { features: { hour: "14102100" } } }),
        ),
      )
      expect(new Set(seen.map(({ body }) => ("revision" in body ? body.revision : undefined)))).toEqual(
        new Set([revision]),
      )
    }
    const wrong = client.patchExperiment({ experiment: "made", ifMatch: "*", body: { polcy: 1, holdout: 2 } })
    expect(await problemOf(wrong)).toMatchObject({
      code: "config_invalid",
      errors: [{ pointer: "/holdout" }, { pointer: "/polcy" }],
    })
    expect(await problemOf(client.readExperiment({ experiment: "unknown" }))).not.toHaveProperty("detail")
    const managed = client.patchExperiment({ experiment: "kept", ifMatch: "*", body: {} })
    expect(await problemOf(managed)).toMatchObject({
      code: "experiment_managed",
      detail: expect.stringContaining("kept.json"),
    })
    await client.pauseExperiment({ experiment: "kept", reason: "at night" })
    await gateway.stop()

    // The file changes while nobody looks, and is published paused.
    await writeFile(join(EXPERIMENTS_DIR, "kept.json"), document("kept", { description: "changed" }))
    const again = await start()
    const paused = await again.client.readExperiment({ experiment: "kept" })
    expect(paused.body).toMatchObject({ status: "paused", description: "changed", revision: 3 })
    expect((await again.client.resumeExperiment({ experiment: "kept" })).body).toMatchObject({ revision: 4 })
    expect((await again.client.readExperiment({ experiment: "made" })).body).toMatchObject({
      revision: 6,
      description: "6",
    })
    const { body: trail } = await again.client.readAudit({ subject: "kept" })
    expect(trail.lines.map(({ actor, outcome }) => `${actor} ${outcome}`)).toEqual([
      "anybody done",
      "experiments-folder done",
      "anybody done",
      "anybody refused",
      "experiments-folder done",
    ])
    await rm(join(EXPERIMENTS_DIR, "kept.json"))
    await expect
      .poll(() => problemOf(again.client.readExperiment({ experiment: "kept" })), { timeout: 20_000 })
      .toBeDefined()
    await again.gateway.stop()
    const io = capturedIo()
    expect(await audit.run(["verify", "--json", "--data-dir", DATA_DIR], io)).toBe(0)
    expect(JSON.parse(io.out())).toMatchObject({ valid: true, streamed: { seq: expect.any(Number) } })
  })

  it("starts and ends experiments by their schedules", async () => {
    const { EXPERIMENTS_DIR, start } = given(threads)
    await writeFile(join(EXPERIMENTS_DIR, "kept.json"), document("kept"))
    const { client } = await start()
    const in5Seconds = new Date(Date.now() + 5_000).toISOString()
    const text = document("made", { status: "draft", schedule: { startAt: in5Seconds } })
    await client.putExperiment({ experiment: "made", body: text, ifNoneMatch: "*" })
    const read = async () => (await client.readExperiment({ experiment: "made" })).body
    expect(await read()).toMatchObject({ status: "draft" })
    await expect.poll(read, { timeout: 20_000 }).toMatchObject({ status: "running", revision: 2 })
    const endAt = new Date(Date.now() + 4_000).toISOString()
    await client.patchExperiment({ experiment: "made", ifMatch: '"2"', body: { schedule: { startAt: null, endAt } } })
    await expect.poll(read, { timeout: 20_000 }).toMatchObject({ status: "concluded", revision: 4 })
    const { body } = await client.readHistory({ experiment: "made" })
    expect(body.revisions.map(({ actor }) => actor)).toEqual(["schedule", "anybody", "schedule", "anybody"])
  })
})
