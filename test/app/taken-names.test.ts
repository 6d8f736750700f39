import { expect, it } from "vitest"
import { createTestGateway } from "../http/gateway.ts"

it("a name belongs to one experiment, whoever has it as an id or as a name", async () => {
  const gateway = await createTestGateway()
  await gateway.publish({ names: ["CTR-Prod", "ctr_model"] })
  await expect(gateway.publish({ id: "other", names: ["ctr_model"] })).rejects.toMatchObject({
    code: "validation_failed",
    detail: "The name ctr_model is already a name of the experiment banner-ctr.",
    errors: [{ pointer: "/names/0" }],
  })
  await expect(gateway.publish({ id: "other", names: ["banner-ctr"] })).rejects.toMatchObject({
    detail: "The name banner-ctr is already the id of the experiment banner-ctr.",
  })
  await gateway.publish({ names: ["other"] })
  await expect(gateway.publish({ id: "other" })).rejects.toMatchObject({ errors: [{ pointer: "/id" }] })
  await gateway.publish({ names: [] })
  await gateway.publish({ id: "other", names: ["CTR-Prod"] })
  expect(gateway.experiments.named("CTR-Prod")?.snapshot.experiment.id).toBe("other")
  expect(gateway.experiments.named("banner-ctr")?.snapshot.experiment.id).toBe("banner-ctr")
  expect(gateway.experiments.named("ctr_model")).toBeUndefined()
  await gateway.publisher.remove((await gateway.publish({ id: "other" })).id, { actor: "test", source: "api" })
  expect(gateway.experiments.named("CTR-Prod")).toBeUndefined()
  await gateway.publish({ names: ["CTR-Prod"] })
})
