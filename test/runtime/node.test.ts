import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe } from "vitest"
import { parseConfig } from "#src/config.ts"
import { startGateway } from "#src/entry/node.ts"
import type { RunningGateway } from "#src/entry/running-gateway.ts"
import { describeGateway } from "./smoke.ts"

describe("given the gateway on Node", () => {
  let gateway: RunningGateway
  let dataDir: string

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "bandit-gateway-"))
    gateway = await startGateway(
      parseConfig({ PORT: "0", SHUTDOWN_DELAY_SECONDS: "0", LOG_LEVEL: "error", DATA_DIR: dataDir }),
    )
  })
  afterAll(async () => {
    await gateway.stop()
    await rm(dataDir, { recursive: true })
  })

  describeGateway((path, init) => fetch(`${gateway.address}${path}`, init))
})
