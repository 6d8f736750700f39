import { once } from "node:events"
import { type AddressInfo, connect } from "node:net"
import { expect, it } from "vitest"
import { createNodeServer } from "#src/entry/node-server.ts"
import { createTestGateway } from "#test/http/gateway.ts"

it("logs the decision of a caller who left before the answer, once, like any other", async () => {
  const gateway = await createTestGateway()
  for (const model of gateway.models) model.behaviour = { kind: "delay", delayMs: 50, score: () => 0.3 }
  const server = createNodeServer(gateway.application)
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const body = '{"experiment":"banner-ctr","features":{}}'
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1")
  socket.write(
    `POST /predict HTTP/1.1\r\nhost: a\r\nx-deadline-ms: 2000\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )
  await expect.poll(() => gateway.models.reduce((sum, { calls }) => sum + calls, 0)).toBe(1)
  socket.resetAndDestroy()
  const decisions = async () => (await gateway.logged()).filter((line) => line.includes('"type":"decision"'))
  await expect.poll(async () => (await decisions()).length, { timeout: 5_000 }).toBe(1)
  expect(JSON.parse((await decisions())[0] ?? "")).toMatchObject({
    reason: "policy",
    learn: true,
    prediction: 0.3,
    error: null,
  })
  server.close()
  await once(server, "close")
  expect(await decisions()).toHaveLength(1)
})
