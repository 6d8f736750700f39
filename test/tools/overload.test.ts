import { rm } from "node:fs/promises"
import { expect, it, onTestFinished } from "vitest"
import { startGateway } from "../../loadtest/gateway.ts"
import { runOverload } from "../../loadtest/overload-run.ts"

// The short version of `npm run bench:overload`, with bounds that a slow machine keeps.
it("serves what it can, refuses the rest in time, answers health checks and recovers", {
  timeout: 120_000,
}, async () => {
  const gateway = await startGateway(0, ".", { LOG_LEVEL: "error" })
  onTestFinished(async () => {
    await gateway.stop()
    await rm(gateway.dataDir, { recursive: true })
  })
  const { capacity, overloaded, health, residentBytes, recoveredAfterSeconds } = await runOverload(gateway, {
    core: 1,
    connections: 800,
    times: 3,
    seconds: 6,
    partSeconds: 3,
    refused: "waits",
  })
  expect(overloaded.refused).toBeGreaterThan(0)
  expect(overloaded.servedPerSecond).toBeGreaterThan(capacity / 2)
  expect(overloaded.refusals?.p50Us).toBeLessThan(100_000)
  expect(health.asked).toBeGreaterThan(5)
  expect(health.failed).toBe(0)
  expect(residentBytes.most - residentBytes.before).toBeLessThan(300e6)
  expect(recoveredAfterSeconds).toBeLessThanOrEqual(5)
})
