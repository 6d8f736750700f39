/**
 * What the parts of a decision cost in a warm loop. Prints figures; asserts none.
 *
 *   taskset -c 0 node loadtest/bench-decision.ts
 */
import { randomBytes, randomFillSync } from "node:crypto"
import { bench, do_not_optimize, run, summary } from "mitata"
import { allocate } from "#policies/allocate.ts"
import { parsePolicy } from "#policies/policy-document.ts"
import { loadModelFolder } from "#src/adapters/embedded-scorer/folder.ts"
import { createPseudonyms, createTextMac } from "#src/adapters/node-crypto/mac.ts"
import { choiceText } from "#src/app/choice-text.ts"
import { createPredict } from "#src/app/predict.ts"
import { assign } from "#src/domain/assignment.ts"
import { decide } from "#src/domain/decide.ts"
import { createDecisionIds } from "#src/domain/decision-id.ts"
import { parseExperiment } from "#src/domain/experiment.ts"
import { allocationFor, createSnapshot, type Snapshot } from "#src/domain/snapshot.ts"
import { signToken } from "#src/domain/token.ts"
import { AD_FEATURES } from "./ad-features.ts"

const UNITS = Array.from({ length: 1024 }, (_, i) => `user-${String(i).padStart(6, "0")}`)
let turn = 0

/** Another unit each time, so that no branch is learned by heart. */
function nextUnit(): string {
  turn = (turn + 1) & 1023
  return UNITS[turn] ?? ""
}

/** A running experiment whose variants have unequal shares, as a policy leaves them. */
function snapshotOf(variants: number): Snapshot {
  const shares = Array.from({ length: variants }, (_, i) => 1 / (i + 2))
  const total = shares.reduce((sum, share) => sum + share, 0)
  const parsed = parseExperiment({
    id: "banner-ctr",
    variants: shares.map((weight, i) => ({
      id: `variant-${i}`,
      weight,
      backend: { kind: "embedded", model: "ctr-raw" },
    })),
    control: "variant-0",
    policy: { kind: "thompson", minPropensity: 0.01 },
  })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues))
  return createSnapshot({
    experiment: parsed.experiment,
    revision: 1,
    stateVersion: 1,
    plan: { allocation: shares.map((share) => share / total), reasons: shares.map(() => "policy") },
    keyId: "k1",
  })
}

const sign = createTextMac(randomBytes(32))
const nextDecisionId = createDecisionIds((target) => randomFillSync(target))
const scorer = await loadModelFolder("examples/models", "ctr-raw")

summary(() => {
  for (const variants of [2, 4, 10]) {
    const snapshot = snapshotOf(variants)
    const allocation = allocationFor(snapshot)
    bench(`choose from an allocation, ${variants} variants`, () =>
      do_not_optimize(assign(nextUnit(), snapshot.keys, allocation)),
    )
  }
})

const snapshot = snapshotOf(10)
bench("decision id", () => do_not_optimize(nextDecisionId(Date.now())))
const frame = { before: "v1.k1.banner-ctr.7.1.variant-3.0_37.", after: "l.3600." }
bench("token", () => do_not_optimize(signToken(frame, 42, nextDecisionId(1), sign)))
bench("whole decision with id and token, 10 variants", () => {
  const id = nextDecisionId(Date.now())
  const choice = decide(snapshot, { decisionId: id, unitId: nextUnit(), context: undefined, forcedIndex: undefined })
  return do_not_optimize(signToken(choiceText(snapshot, choice, choice.learn).token, 42, id, sign))
})
bench("score one ad of 22 features", () => do_not_optimize(scorer.score([AD_FEATURES])))

const predict = createPredict({
  clock: { now: () => Date.now(), monotonicMs: () => performance.now() },
  decisionIds: nextDecisionId,
  signingKeys: new Map([["k1", sign]]),
  pseudonym: createPseudonyms(randomBytes(32)),
  recorder: { recordDecision: () => Promise.resolve(true) },
})
const endpoints = snapshot.experiment.variants.map(() => scorer)
const served = { snapshot, endpoints, definitions: new Map() }
bench("whole prediction: decision, score, token, log line", async () =>
  do_not_optimize(
    await predict({
      served,
      unitId: nextUnit(),
      instances: [AD_FEATURES],
      context: undefined,
      slate: false,
      payload: undefined,
      takesOpaque: false,
      traceHeaders: () => ({}),
      forcedVariant: undefined,
      deadlineMs: 100,
    }),
  ),
)

for (const count of [2, 10, 20]) {
  const parsed = parsePolicy({ kind: "thompson", minPropensity: 0.01 })
  if (!parsed.ok) throw new Error("the policy document is valid")
  const arms = Array.from({ length: count }, (_, i) => ({
    id: `a${i}`,
    n: 10_000,
    pending: 0,
    sum: 150 + i,
    sumSq: 150 + i,
    weight: 1,
    lifetime: 10_000,
  }))
  const enabled = arms.map(() => true)
  bench(`reallocate by thompson, ${count} arms (off the request path)`, () =>
    do_not_optimize(allocate(parsed.policy, arms, enabled)),
  )
}

await run()
