import * as fc from "fast-check"
import { expect, it } from "vitest"
import { type Operation, partitionOf } from "#src/http/contract/operation.ts"
import { OPERATIONS } from "#src/http/contract/operations.ts"
import { PARTITIONS, PartitionCounts } from "#src/http/overload/partition.ts"

const SHARES = { predict: 0.8, reward: 0.15, admin: 0.05 }

it("health checks and metrics belong to none, everything else to one", () => {
  const exempt = OPERATIONS.filter((operation) => partitionOf(operation) === undefined).map(({ path }) => path)
  expect(exempt).toEqual(
    expect.arrayContaining([
      "/healthcheck",
      "/healthz",
      "/metrics",
      "/readyz",
      "/v2/health/ready",
      "/v1/models/{name}",
    ]),
  )
  expect(exempt.filter((path) => !/health|ready|live|^\/metrics$|^\/v1\/models\/\{name\}$/.test(path))).toEqual([])
  const byPath = new Map(OPERATIONS.map((operation) => [operation.path, partitionOf(operation)]))
  expect(byPath.get("/predict/{experiment}")).toBe("predict")
  expect(byPath.get("/reward.gif")).toBe("reward")
  expect(byPath.get("/admin/experiments")).toBe("admin")
  expect(byPath.get("/endpoints/{name}/invocations")).toBe("predict")
  expect(byPath.get("/v2/models/{name}/infer")).toBe("predict")
  expect(byPath.get("/api/v1.0/feedback")).toBe("reward")
  expect(byPath.get("/conversion")).toBe("reward")
  expect(byPath.get("/stats")).toBe("admin")
  // Forcing a variant needs another permission and is a prediction all the same.
  expect(byPath.get("/v2/models/{name}/versions/{version}/infer")).toBe("predict")
  const dialects = OPERATIONS.map((one): Operation => one).filter(({ tag }) => tag === "Dialects")
  expect(dialects.filter(({ partition }) => partition === undefined)).toEqual([])
})

it("a partition may use what the others leave, and gets its share back when they want theirs", () => {
  const counts = new PartitionCounts()
  for (let i = 0; i < 100; i++) counts.add("predict", 1)
  expect(counts.exceeds(101, SHARES, "predict")).toBe(false)
  expect(counts.exceeds(100, SHARES, "predict")).toBe(true)
  for (let i = 0; i < 15; i++) {
    expect(counts.exceeds(100, SHARES, "reward")).toBe(false)
    counts.add("reward", 1)
  }
  expect(counts.exceeds(100, SHARES, "reward")).toBe(true)
  expect(counts.exceeds(100, SHARES, "admin")).toBe(false)
})

it("no partition is kept from its share by the others, and all together pass the limit by no more than the shares of the latecomers", () => {
  const arrivals = fc.array(fc.constantFrom(...PARTITIONS), { maxLength: 600 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), arrivals, (limit, partitions) => {
      const counts = new PartitionCounts()
      const inside = { predict: 0, reward: 0, admin: 0 }
      for (const partition of partitions) {
        const share = Math.max(1, Math.floor(SHARES[partition] * limit))
        const refused = counts.exceeds(limit, SHARES, partition)
        expect(refused && inside[partition] < share).toBe(false)
        if (refused) continue
        counts.add(partition, 1)
        inside[partition] += 1
      }
      expect(counts.total).toBe(inside.predict + inside.reward + inside.admin)
      expect(counts.total).toBeLessThanOrEqual(limit + Math.max(1, 0.8 * limit) + Math.max(1, 0.15 * limit))
    }),
  )
})
