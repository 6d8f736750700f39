import { randomFillSync } from "node:crypto"
import * as z from "zod"
import { createTextMac } from "#src/adapters/node-crypto/mac.ts"
import { keptSigningKey } from "#src/adapters/node-files/signing-keys.ts"
import { createDecisionIds } from "#src/domain/decision-id.ts"
import { AD_FEATURES } from "./ad-features.ts"
import type { Gateway } from "./gateway.ts"

const MODELS = 64

const answerSchema = z.object({ decision: z.string() })

/**
 * Makes tokens of new decisions: those of some predictions, each signed again for other decision ids. A reward's token says all of its decision,
 * so the gateway can't tell them from tokens of its own, and predicting for each would take longer than the run.
 */
export async function createTokens(gateway: Gateway): Promise<(count: number) => string[]> {
  const { key } = await keptSigningKey(gateway.dataDir)
  const sign = createTextMac(key)
  const newId = createDecisionIds((target) => void randomFillSync(target))
  const frames: string[] = []
  for (let i = 0; i < MODELS; i++) frames.push(await frameOf(gateway, `user-${i}`))
  return (count) =>
    Array.from({ length: count }, (_, i) => {
      const text = `${frames[i % MODELS]}.${newId(Date.now())}`
      return `${text}.${sign(text)}`
    })
}

/** A token up to its decision id. */
async function frameOf(gateway: Gateway, unitId: string): Promise<string> {
  const response = await fetch(`${gateway.url}/predict`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ experiment: "banner-ctr", unitId, features: AD_FEATURES }),
  })
  const { decision } = answerSchema.parse(await response.json())
  return decision.split(".").slice(0, -2).join(".")
}
