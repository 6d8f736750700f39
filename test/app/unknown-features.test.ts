import { expect, it } from "vitest"
import { MemoryModelEndpoint } from "#src/adapters/memory/model-endpoint.ts"
import { createUnknownFeatureCount, LOOK_EVERY } from "#src/app/unknown-features.ts"

function endpointOf(...names: string[]): MemoryModelEndpoint {
  const endpoint = new MemoryModelEndpoint({ model: "m", remote: false, behaviour: { kind: "hang" } })
  endpoint.knownFeatures = new Set(names)
  return endpoint
}

it("counts the features of a slate that no variant's model reads", () => {
  const count = createUnknownFeatureCount()
  const endpoints = [endpointOf("hour", "site_id"), endpointOf("hour", "app_id")]
  expect(
    count(endpoints, [
      { hour: "1", siteid: "2" },
      { app_id: "3", site_id: "4" },
      { x: 1, y: true },
    ]),
  ).toBe(3)
})

it("looks at the first prediction of each experiment and at one in so many after it", () => {
  const count = createUnknownFeatureCount()
  const [one, other] = [[endpointOf("a")], [endpointOf("a")]]
  const looked = Array.from({ length: 2 * LOOK_EVERY + 1 }, () => count(one, [{ b: 1 }]))
  expect(looked.flatMap((found, i) => (found > 0 ? [i] : []))).toEqual([0, LOOK_EVERY, 2 * LOOK_EVERY])
  expect(count(other, [{ b: 1 }])).toBe(1)
})

it("counts nothing where a model can't tell what it reads", () => {
  const silent = new MemoryModelEndpoint({ model: "m", remote: true, behaviour: { kind: "hang" } })
  expect(createUnknownFeatureCount()([endpointOf("a"), silent], [{ b: 1 }])).toBe(0)
})
