import * as z from "zod"

/** Each limit of OVERLOAD_LIMITS: its default, the least and the most. docs/overload.md says what they are for. */
const OVERLOAD_LIMITS = {
  concurrencyInitial: [1_000, 1, 10_000],
  concurrencyMin: [20, 1, 10_000],
  concurrencyMax: [1_000, 1, 10_000],
  concurrencySmoothing: [0.2, 0.01, 1],
  concurrencyLongWindow: [600, 10, 100_000],
  concurrencyTolerance: [1.5, 1, 10],
  concurrencyQueue: [4, 1, 1_000],
  predictShare: [0.8, 0, 1],
  rewardShare: [0.15, 0, 1],
  adminShare: [0.05, 0, 1],
  queueTargetMs: [5, 1, 1_000],
  queueIntervalMs: [100, 10, 10_000],
  loopDelayMs: [50, 10, 10_000],
  loopUtilization: [0.95, 0.1, 1],
  heapClose: [0.92, 0.1, 1],
  heapRefuse: [0.95, 0.1, 1],
  retryAfterSeconds: [1, 1, 60],
} as const satisfies Readonly<Record<string, readonly [given: number, least: number, most: number]>>

type OverloadLimit = keyof typeof OVERLOAD_LIMITS
/** A number for each limit. */
export type OverloadLimits = Readonly<Record<OverloadLimit, number>>

/** What holds where OVERLOAD_LIMITS is not set. */
export const OVERLOAD_DEFAULTS = Object.fromEntries(
  Object.entries(OVERLOAD_LIMITS).map(([name, [given]]) => [name, given]),
) as OverloadLimits

/** `OVERLOAD_LIMITS`; undefined for `off`. */
export const overloadLimits = z.string().transform((text, context): OverloadLimits | undefined => {
  if (text.trim() === "off") return undefined
  const limits: Record<OverloadLimit, number> = { ...OVERLOAD_DEFAULTS }
  const refuse = (message: string): never => {
    context.addIssue({ code: "custom", message })
    return z.NEVER
  }
  for (const entry of text.split(",").map((one) => one.trim())) {
    const [, name = "", number = ""] = /^(\w+)=(\d+(?:\.\d+)?)$/.exec(entry) ?? []
    if (!isOverloadLimit(name)) {
      return refuse(
        `must be off, or a list such as queueTargetMs=10,concurrencyMax=400; "${entry}" is not one of ${Object.keys(OVERLOAD_LIMITS).join(", ")} with a number`,
      )
    }
    const [, least, most] = OVERLOAD_LIMITS[name]
    limits[name] = Number(number)
    if (limits[name] < least || limits[name] > most) return refuse(`must have a ${name} from ${least} to ${most}`)
  }
  const { concurrencyMin, concurrencyInitial, concurrencyMax, predictShare, rewardShare, adminShare } = limits
  if (concurrencyMin > concurrencyInitial || concurrencyInitial > concurrencyMax)
    return refuse("must have concurrencyMin <= concurrencyInitial <= concurrencyMax")
  if (predictShare + rewardShare + adminShare > 1 + 1e-9) return refuse("must have shares that add up to at most 1")
  return limits
})

function isOverloadLimit(name: string): name is OverloadLimit {
  return Object.hasOwn(OVERLOAD_LIMITS, name)
}
