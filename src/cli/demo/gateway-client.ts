import * as z from "zod"
import type { Features } from "../../ports/model-endpoint.ts"

const predictionSchema = z.object({
  variant: z.string(),
  predictions: z.array(z.number()),
  decision: z.string(),
})

const statisticsSchema = z.object({
  variants: z.array(
    z.object({
      id: z.string(),
      decisions: z.number(),
      rewards: z.number(),
      rate: z.number().nullable(),
      allocation: z.number(),
      probabilityBest: z.number().nullable(),
    }),
  ),
})

export type Prediction = z.infer<typeof predictionSchema>
export type VariantStatistics = z.infer<typeof statisticsSchema>["variants"][number]

/** What an ad server asks of the gateway, over HTTP as any other client. */
export class GatewayClient {
  readonly #address: string
  readonly #experiment: string

  constructor(address: string, experiment: string) {
    this.#address = address
    this.#experiment = experiment
  }

  async predict(unitId: string, instances: readonly Features[]): Promise<Prediction> {
    return predictionSchema.parse(await this.#post("/predict", { experiment: this.#experiment, unitId, instances }))
  }

  /** Posts a click back. */
  async reward(decision: string): Promise<void> {
    await this.#post("/reward", { decision, metric: "click", value: 1 })
  }

  async statistics(): Promise<readonly VariantStatistics[]> {
    const response = await fetch(`${this.#address}/admin/experiments/${this.#experiment}/stats`)
    return statisticsSchema.parse(await readAnswer(response)).variants
  }

  async #post(path: string, body: unknown): Promise<unknown> {
    const headers = { "content-type": "application/json" }
    return readAnswer(await fetch(this.#address + path, { method: "POST", headers, body: JSON.stringify(body) }))
  }
}

async function readAnswer(response: Response): Promise<unknown> {
  const text = await response.text()
  if (!response.ok)
    throw new Error(`the gateway answered ${response.status} to ${new URL(response.url).pathname}: ${text}`)
  return JSON.parse(text)
}
