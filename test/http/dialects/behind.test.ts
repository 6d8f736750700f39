import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { parseConfig } from "#src/config.ts"
import { startGateway } from "#src/entry/node.ts"
import { temporaryFolder } from "../../temporary-folder.ts"
import { FEATURES } from "./asked.ts"

/** A request of each protocol, and what its answer says of the prediction. */
const PROTOCOLS = [
  {
    protocol: "tensorflow-v1",
    path: "/v1/models/NAME:predict",
    body: { instances: [FEATURES], unitId: "user-42" },
    predictions: /"predictions":(\[[^\]]*\])/,
  },
  {
    protocol: "open-inference-v2",
    path: "/v2/models/NAME/infer",
    body: {
      inputs: Object.entries(FEATURES).map(([name, text]) => ({ name, datatype: "BYTES", shape: [1], data: [text] })),
      parameters: { unitId: "user-42" },
    },
    predictions: /"data":(\[[^\]]*\])/,
  },
  {
    protocol: "seldon-v1",
    path: "/seldon/ads/NAME/api/v1.0/predictions",
    body: {
      data: { names: Object.keys(FEATURES), ndarray: [Object.values(FEATURES)] },
      meta: { tags: { unitId: "user-42" } },
    },
    predictions: /"ndarray":\[(\[[^\]]*\])\]/,
  },
] as const

async function start(settings: Readonly<Record<string, string>> = {}): Promise<string> {
  const gateway = await startGateway(
    parseConfig({
      PORT: "0",
      SHUTDOWN_DELAY_SECONDS: "0",
      LOG_LEVEL: "error",
      DATA_DIR: temporaryFolder(),
      DEFAULT_EXPERIMENT: "banner-ctr",
      ...settings,
    }),
  )
  onTestFinished(() => gateway.stop())
  return gateway.address
}

/** A gateway whose only model is the example experiment of another gateway, which is a server like any other to it. */
async function startInFront(server: string, protocol: string): Promise<string> {
  const folder = temporaryFolder()
  const target = { kind: "http", protocol, baseUrl: server }
  await writeFile(join(folder, "targets.json"), JSON.stringify({ targets: { other: target } }))
  const model = protocol === "seldon-v1" ? {} : { model: "banner-ctr" }
  const variants = [{ id: "only", backend: { kind: "http", target: "other", ...model } }]
  const experiment = { id: "front", variants, control: "only", policy: { kind: "static" }, deadlineMs: 5000 }
  await writeFile(join(folder, "front.json"), JSON.stringify(experiment))
  return await start({
    EXPERIMENTS_DIR: join(folder, "front.json"),
    TARGETS_FILE: join(folder, "targets.json"),
    DEFAULT_EXPERIMENT: "front",
  })
}

describe("a gateway in front of a server that speaks the caller's protocol", () => {
  it.each(PROTOCOLS)("passes $protocol through, and answers with a decision of its own", async (one) => {
    const server = await start()
    const front = await startInFront(server, one.protocol)
    const ask = async (address: string, name: string) => {
      const answer = await fetch(`${address}${one.path.replace("NAME", name)}`, {
        method: "POST",
        body: JSON.stringify(one.body),
      })
      return { answer, text: await answer.text() }
    }
    const direct = await ask(server, "banner-ctr")
    const behind = await ask(front, "front")
    expect([behind.answer.status, behind.text]).toEqual([200, expect.stringMatching(one.predictions)])
    expect(one.predictions.exec(behind.text)?.[1]).toBe(one.predictions.exec(direct.text)?.[1])
    const token = behind.answer.headers.get("x-decision") ?? ""
    expect(behind.answer.headers.get("x-variant")).toBe("only")
    expect(behind.text).not.toContain(token)
    expect((await fetch(`${front}/reward?d=${token}`)).status).toBe(200)
    const unknown = await fetch(`${front}${one.path.replace("NAME", "none")}`, { method: "POST", body: "{}" })
    expect(unknown.status).toBe(404)
  })
})
