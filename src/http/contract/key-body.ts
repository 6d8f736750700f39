import * as z from "zod"
import type { KeyWish } from "../../app/manage-keys.ts"
import { GatewayError, type InputError } from "../../domain/errors.ts"
import { EXPERIMENT_ID } from "../../domain/ids.ts"
import { PERMISSIONS } from "../../domain/permissions.ts"
import { unknownMembers } from "./unknown-members.ts"

const MAX_EXPERIMENTS = 100
const END_OF_TIME = Date.UTC(9999, 0)
const MAX_REQUESTS_PER_SECOND = 100_000
/** What a name of a key may be: it stands in logs, history and audit. */
const KEY_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const NAME_RULE = "must be 1 to 64 letters, digits, dots, hyphens or underscores, beginning with a letter or digit"
const PERMISSIONS_RULE = `must be a list of ${PERMISSIONS.join(", ")}, at least one of them`
const EXPERIMENTS_RULE = `must be a list of 1 to ${MAX_EXPERIMENTS} ids of experiments; leave it out for all`
const RATE_RULE = `must be a number from 0.001 to ${MAX_REQUESTS_PER_SECOND}; leave it out for no limit`

/** `POST /admin/keys`. */
export const keyWishSchema = z
  .strictObject({
    name: z
      .string(NAME_RULE)
      .regex(KEY_NAME, NAME_RULE)
      .describe("For people: it stands in history and audit. Several keys may have the same one"),
    permissions: z
      .array(z.enum(PERMISSIONS, `must be one of ${PERMISSIONS.join(", ")}`), PERMISSIONS_RULE)
      .min(1, PERMISSIONS_RULE)
      .max(PERMISSIONS.length, PERMISSIONS_RULE)
      .describe("What the key may do. None of them includes another"),
    experiments: z
      .array(
        z.string("must be an experiment's id").regex(EXPERIMENT_ID, "must be an experiment's id"),
        EXPERIMENTS_RULE,
      )
      .min(1, EXPERIMENTS_RULE)
      .max(MAX_EXPERIMENTS, EXPERIMENTS_RULE)
      .optional()
      .describe("Ids of the experiments that it is for, whether there are any of that name yet. Left out: all"),
    requestsPerSecond: z
      .number(RATE_RULE)
      .min(0.001, RATE_RULE)
      .max(MAX_REQUESTS_PER_SECOND, RATE_RULE)
      .optional()
      .describe("How often it may be used at each gateway; a second's worth at once. Left out: without a limit"),
    expiresAt: z.iso
      .datetime({ offset: true, error: "must be a time such as 2027-01-31T12:00:00Z" })
      .optional()
      .describe("From when on it is refused. Left out: never"),
  })
  .meta({ id: "KeyWish", description: "An API key to be made." })

const MEMBERS = Object.keys(keyWishSchema.shape)
const OTHER_WORDS = new Map(
  Object.entries({
    name: ["title", "label", "description"],
    permissions: ["permission", "roles", "role", "scopes", "grants"],
    experiments: ["experiment", "scope", "experimentids"],
    requestsPerSecond: ["rate", "ratelimit", "limit", "rps"],
    expiresAt: ["expires", "expiry", "expiration", "expiresin", "ttl"],
  }).flatMap(([member, words]) => words.map((word) => [word, member] as const)),
)

/** Reads a key that is to be made. @throws GatewayError `not_an_object`, `validation_failed` */
export function readKeyWish(body: unknown, now: number): KeyWish {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new GatewayError("not_an_object", { detail: "The body must describe one key." })
  }
  const parsed = keyWishSchema.safeParse(body)
  if (!parsed.success) {
    const errors = parsed.error.issues.flatMap((issue) =>
      issue.code === "unrecognized_keys"
        ? unknownMembers(issue.keys, MEMBERS, OTHER_WORDS)
        : [{ pointer: `/${issue.path.join("/")}`, detail: issue.message }],
    )
    // What isn't a list may be too short for one as well.
    const once = new Map(errors.map((error) => [`${error.pointer} ${error.detail}`, error]))
    throw new GatewayError("validation_failed", { errors: [...once.values()] })
  }
  const { name, permissions, experiments, requestsPerSecond, expiresAt } = parsed.data
  const expires = expiresAt === undefined ? null : Date.parse(expiresAt)
  const errors: InputError[] = []
  if (expires !== null && !(expires > now && expires < END_OF_TIME)) {
    errors.push({ pointer: "/expiresAt", detail: "must be in the future, and before the year 9999" })
  }
  if (experiments !== undefined && permissions.includes("admin")) {
    errors.push({
      pointer: "/experiments",
      detail: "must be left out with the permission admin, which is about the whole gateway",
    })
  }
  if (errors.length > 0) throw new GatewayError("validation_failed", { errors })
  return {
    name,
    permissions: PERMISSIONS.filter((permission) => permissions.includes(permission)),
    experiments: experiments === undefined ? null : [...new Set(experiments)],
    requestsPerSecond: requestsPerSecond ?? null,
    expiresAt: expires,
  }
}
