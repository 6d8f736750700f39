import type { RewardCommand } from "../../app/reward.ts"
import { GatewayError } from "../../domain/errors.ts"
import { isUnexpandedMacro } from "../../domain/token.ts"
import { EVENT_ID, MAX_INSTANCE, MAX_METRIC_LENGTH } from "./reward-body.ts"
import { POSTBACK_PARAMETERS } from "./reward-operations.ts"

const PARAMETERS = new Set(POSTBACK_PARAMETERS.map(({ name }) => name))
/** Every finite double as `String` writes it, and nothing longer. */
const DECIMAL = /^-?(?:0|[1-9]\d{0,20})(?:\.\d{1,24})?(?:[eE][+-]?\d{1,3})?$/

/**
 * Reads the query of `GET /reward`: `d` token, `m` metric, `v` value, `e` event id, `i` index of the instance, `exp` the experiment expected.
 *
 * Strict, because a postback URL is assembled by somebody's template: an unknown, repeated or wrongly encoded parameter is a mistake worth
 * telling, and a parameter such as `redirect` is an attempt.
 *
 * @param search the raw query, without the question mark
 * @throws GatewayError `bad_request`, `token_malformed` or `reward_out_of_range`
 */
export function readRewardQuery(search: string): RewardCommand {
  const values = new Map<string, string>()
  for (const pair of search.split("&")) {
    if (pair === "") continue
    const cut = pair.indexOf("=")
    const name = cut < 0 ? pair : pair.slice(0, cut)
    if (!PARAMETERS.has(name)) throw bad(`The query takes ${[...PARAMETERS].join(", ")} and nothing else.`)
    if (values.has(name)) throw bad(`The parameter ${name} is given twice.`)
    values.set(name, decode(cut < 0 ? "" : pair.slice(cut + 1)))
  }
  const decision = values.get("d") ?? ""
  if (decision === "" || isUnexpandedMacro(decision)) {
    throw new GatewayError("token_malformed", { detail: "Send the decision token of a prediction as d." })
  }
  const metric = values.get("m")
  return {
    decision,
    metric: metric === undefined ? undefined : readName(metric),
    value: readValue(values.get("v")),
    eventId: readEventId(values.get("e")),
    instance: readInstance(values.get("i")),
    experiment: values.get("exp"),
  }
}

function decode(text: string): string {
  // An ad server's macro stands for itself: it is reported as one, not as a broken escape.
  if (isUnexpandedMacro(text)) return text
  let decoded: string
  try {
    decoded = decodeURIComponent(text.replaceAll("+", " "))
  } catch (cause) {
    throw new GatewayError("bad_request", { detail: "The query has a broken percent escape.", cause })
  }
  if (/[%\p{Cc}]/u.test(decoded)) throw bad("The query is escaped twice or holds control characters.")
  return decoded
}

function readName(metric: string): string {
  if (metric === "" || Array.from(metric).length > MAX_METRIC_LENGTH) {
    throw bad(`m must be a metric's name of 1 to ${MAX_METRIC_LENGTH} characters.`)
  }
  return metric
}

function readEventId(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  if (!EVENT_ID.test(text)) throw bad("e must be 1 to 64 visible ASCII characters.")
  return text
}

function readInstance(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const index = /^(?:0|[1-9]\d{0,2})$/.test(text) ? Number(text) : Number.NaN
  if (!(index <= MAX_INSTANCE)) throw bad(`i must be an index into the decision's instances, 0 to ${MAX_INSTANCE}.`)
  return index
}

function readValue(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = DECIMAL.test(text) ? Number(text) : Number.NaN
  if (!Number.isFinite(value)) {
    throw new GatewayError("reward_out_of_range", { detail: "v must be a decimal number, such as 1 or 0.25." })
  }
  return value
}

function bad(detail: string): GatewayError {
  return new GatewayError("bad_request", { detail })
}
