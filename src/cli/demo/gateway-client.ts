import * as z from "zod"
import type { Features } from "../../ports/model-endpoint.ts"
import type { JsonOverHttp } from "./http-json.ts"

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
  readonly #http: JsonOverHttp
  readonly #experiment: string

  constructor(http: JsonOverHttp, experiment: string) {
    this.#http = http
    this.#experiment = experiment
  }

  async predict(unitId: string, instances: readonly Features[]): Promise<Prediction> {
    const body = { experiment: this.#experiment, unitId, instances }
    return predictionSchema.parse(await this.#http.post("/predict", body))
  }

  /** Posts a click back. */
  async reward(decision: string): Promise<void> {
    await this.#http.post("/reward", { decision, metric: "click", value: 1 })
  }

  async statistics(): Promise<readonly VariantStatistics[]> {
    const answer = await this.#http.get(`/admin/experiments/${this.#experiment}/stats`)
    return statisticsSchema.parse(answer).variants
  }
}
