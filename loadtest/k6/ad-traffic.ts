/**
 * Ad traffic in an open loop: slates arrive at a fixed rate, whatever the gateway does. Each asks for the click probabilities of five ads, shows the
 * best, and if that one was clicked in the sample, posts the click back after a delay; some ad servers post it twice.
 *
 * Settings (k6 -e NAME=value): BASE_URL, EXPERIMENT, RATE (slates a second), DURATION_SECONDS, VARIANTS (comma-separated: counted apart).
 */
import { check, sleep } from "k6"
import { SharedArray } from "k6/data"
import exec from "k6/execution"
import http from "k6/http"
import { Counter } from "k6/metrics"
import type { Options } from "k6/options"
import { type AdRow, parseAdRows } from "./ad-rows.ts"

const BASE_URL = __ENV["BASE_URL"] ?? "http://127.0.0.1:8080"
const EXPERIMENT = __ENV["EXPERIMENT"] ?? "banner-ctr"
const RATE = Number(__ENV["RATE"] ?? 100)
const DURATION_SECONDS = Number(__ENV["DURATION_SECONDS"] ?? 20)
const VARIANTS = (__ENV["VARIANTS"] ?? "").split(",").filter((id) => id !== "")

const SLATE = 5
const USERS = 5_000
const MAX_CLICK_DELAY_SECONDS = 2
/** One in this many postbacks is sent again; one in `PIXEL_EVERY` comes as a GET, as ad servers do. */
const REPLAY_EVERY = 4
const PIXEL_EVERY = 3
/**
 * A slate holds its virtual user until its click is posted: about a second for the third of them that is clicked. Three times as many are made
 * before the first slate arrives (making them takes processor time), the rest when needed.
 */
const VIRTUAL_USERS = RATE
const MAX_VIRTUAL_USERS = RATE * MAX_CLICK_DELAY_SECONDS * 2
/** The gateway's default deadline for a prediction. */
const DEADLINE_MS = 100

const rows = new SharedArray<AdRow>("ad rows", () => parseAdRows(open("../../test/fixtures/ctr/test_rows.csv")))

const decisions = new Counter("decisions")
const degraded = new Counter("degraded")
const rewardsApplied = new Counter("rewards_applied")
const rewardsDuplicate = new Counter("rewards_duplicate")

export const options: Options = {
  scenarios: {
    ads: {
      executor: "constant-arrival-rate",
      rate: RATE,
      timeUnit: "1s",
      duration: `${DURATION_SECONDS}s`,
      preAllocatedVUs: VIRTUAL_USERS,
      maxVUs: MAX_VIRTUAL_USERS,
      gracefulStop: `${MAX_CLICK_DELAY_SECONDS + 5}s`,
    },
  },
  thresholds: {
    http_req_failed: ["rate==0"],
    checks: ["rate==1"],
    "http_req_duration{name:predict}": [`p(99)<${DEADLINE_MS}`],
    // A slate that found no free virtual user was not sent: the loop would no longer be open.
    dropped_iterations: ["count==0"],
    decisions: [`count>=${RATE * DURATION_SECONDS}`],
    degraded: ["count==0"],
    rewards_applied: ["count>0"],
    rewards_duplicate: ["count>0"],
    // Always true: k6 sums up a tag only where a threshold names it.
    ...Object.fromEntries(
      VARIANTS.flatMap((id) => [
        [`decisions{variant:${id}}`, ["count>=0"]],
        [`rewards_applied{variant:${id}}`, ["count>=0"]],
      ]),
    ),
  },
  summaryTrendStats: ["med", "p(90)", "p(99)", "p(99.9)", "max"],
}

const JSON_BODY = { "content-type": "application/json" }

export default function showOneSlate(): void {
  const iteration = exec.scenario.iterationInTest
  const slate = slateOf(iteration)
  const body = JSON.stringify({
    experiment: EXPERIMENT,
    unitId: `user-${iteration % USERS}`,
    instances: slate.map((row) => row.features),
  })
  const response = http.post(`${BASE_URL}/predict`, body, { headers: JSON_BODY, tags: { name: "predict" } })
  const predictions = field(response.body, "predictions")
  const decision = field(response.body, "decision")
  const answered = check(response, {
    "a slate gets one prediction per ad and a token": () =>
      response.status === 200 && isNumbers(predictions) && predictions.length === SLATE && typeof decision === "string",
  })
  if (!answered || !isNumbers(predictions) || typeof decision !== "string") return
  const variant = String(field(response.body, "variant"))
  decisions.add(1, { variant })
  if (field(response.body, "degraded") !== false) degraded.add(1)

  const shown = slate[predictions.indexOf(Math.max(...predictions))]
  if (shown?.clicked !== true) return
  sleep(Math.random() * MAX_CLICK_DELAY_SECONDS)
  if (postBack(decision, "applied", iteration)) rewardsApplied.add(1, { variant })
  if (iteration % REPLAY_EVERY === 0 && postBack(decision, "duplicate", iteration)) rewardsDuplicate.add(1)
}

/** Five rows spread over the sample, others in each iteration. */
function slateOf(iteration: number): AdRow[] {
  const slate: AdRow[] = []
  for (let ad = 0; ad < SLATE; ad++) {
    const row = rows[(iteration * 7 + ad * 101) % rows.length]
    if (row !== undefined) slate.push(row)
  }
  return slate
}

/** Posts a click and checks the gateway's answer. */
function postBack(decision: string, expected: "applied" | "duplicate", iteration: number): boolean {
  const tags = { name: "reward" }
  const response =
    iteration % PIXEL_EVERY === 0
      ? http.get(`${BASE_URL}/reward?d=${decision}&m=click&v=1`, { tags })
      : http.post(`${BASE_URL}/reward`, JSON.stringify({ decision, metric: "click", value: 1 }), {
          headers: JSON_BODY,
          tags,
        })
  const status = field(response.body, "status")
  return check(response, {
    // 202 `accepted`: durable, credited once the store answers; a replay finds the same.
    [`a click is ${expected}`]: () =>
      (response.status === 200 && status === expected) || (response.status === 202 && status === "accepted"),
  })
}

/** A field of a JSON object; undefined when the text is no such thing. */
function field(text: unknown, name: string): unknown {
  if (typeof text !== "string" || !text.startsWith("{")) return undefined
  const parsed: unknown = JSON.parse(text)
  return typeof parsed === "object" && parsed !== null ? Reflect.get(parsed, name) : undefined
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((one) => typeof one === "number")
}
