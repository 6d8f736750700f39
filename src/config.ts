import * as z from "zod"
import { OVERLOAD_DEFAULTS, type OverloadLimits, overloadLimits } from "./settings/overload-limits.ts"
import { type RedisSetting, redisUrl } from "./settings/redis-url.ts"

/** Permissions of one API key, its secret still in the clear: it is digested before anything else sees it. */
export interface ApiKeySetting {
  readonly name: string
  readonly permissions: readonly string[]
  readonly secret: string
}

export interface SigningKeySetting {
  readonly id: string
  readonly key: Uint8Array
}

/** An identity provider whose users may use /admin. */
export interface OidcSetting {
  /** As tokens name it, exactly. */
  readonly issuer: string
  readonly audience: string
  /** The claim that has a user's roles or groups; a dot leads into an object. */
  readonly roleClaim: string
  /** What each role or group may do. */
  readonly roles: readonly { readonly role: string; readonly permissions: readonly string[] }[]
}

export interface Config {
  readonly host: string
  readonly port: number
  /** Threads that serve; `auto`: all cores but one. */
  readonly threads: number | "auto"
  readonly dataDir: string
  readonly experimentsDir: string | undefined
  readonly modelsDir: string | undefined
  /** Undefined: there are no targets. */
  readonly targetsFile: string | undefined
  readonly defaultExperiment: string | undefined
  /** Undefined: made once and kept in the data folder. */
  readonly signingKeys: readonly SigningKeySetting[] | undefined
  /** Undefined: made once and kept in the data folder. */
  readonly unitKey: Uint8Array | undefined
  readonly apiKeys: readonly ApiKeySetting[]
  readonly oidc: OidcSetting | undefined
  /** Whether callers need a key or a token: API keys or an identity provider are configured. */
  readonly needsKeys: boolean
  /** Where browsers find the gateway, behind a proxy. */
  readonly publicUrl: string | undefined
  /** Hosts served beside loopback names, in lower case, each with a port where only that port is meant. */
  readonly allowedHosts: readonly string[]
  /** Whether whoever names any host is served: callers need keys and no hosts were given. */
  readonly servesAnyHost: boolean
  /** Origins of the pages that may post rewards; `*` for all. */
  readonly corsOrigins: readonly string[]
  readonly logLevel: string
  /** The outcome log's oldest files go while it is larger. Undefined: it may grow. */
  readonly outcomesMaxBytes: number | undefined
  /** Files of the outcome log go when all of it is older. Undefined: they stay. */
  readonly outcomesMaxDays: number | undefined
  /** Limits that keep an overloaded gateway answering in time. Undefined: everybody is served, however late. */
  readonly overload: OverloadLimits | undefined
  /** The Kinesis stream that outcomes go to. Undefined: none. */
  readonly kinesisStream: string | undefined
  /** How long a stop may then send what is left. */
  readonly kinesisDrainSeconds: number
  /** Undefined: counters and revisions are kept in the data folder. */
  readonly redis: RedisSetting | undefined
  /** Where a reward is durable when it is answered: in the data folder's log, or in Redis. */
  readonly rewardDurability: "log" | "store"
  /** How long new connections are still taken after SIGTERM. */
  readonly shutdownDelaySeconds: number
  /** How long open requests may then take. */
  readonly drainSeconds: number
}

/** Everything wrong with the settings, one line each. */
export class ConfigError extends Error {
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(problems.join("\n"))
    this.name = "ConfigError"
    this.problems = problems
  }
}

const KEY_ID = /^[a-z0-9]{1,4}$/
const PERMISSIONS = ["predict", "force", "view", "edit", "admin"]
const MIN_SECRET_LENGTH = 8

const signingKeys = z.string().transform((text, context) => {
  const keys = text.split(",").map((entry) => {
    const [id = "", encoded = "", ...rest] = entry.trim().split(":")
    const key = Uint8Array.from(base64urlBytes(encoded))
    const valid = rest.length === 0 && KEY_ID.test(id) && key.length >= 16 && key.length <= 64
    return valid ? { id, key } : undefined
  })
  const valid = keys.flatMap((key) => (key === undefined ? [] : [key]))
  if (valid.length < keys.length || new Set(valid.map(({ id }) => id)).size < valid.length) {
    context.addIssue({
      code: "custom",
      message:
        "must be a list of id:key pairs separated by commas, newest first: ids of 1 to 4 lower-case letters or digits, each once, keys of 16 to 64 bytes in base64url",
    })
    return z.NEVER
  }
  return valid
})

const unitKey = z.string().transform((text, context) => {
  const key = Uint8Array.from(base64urlBytes(text.trim()))
  if (key.length >= 16 && key.length <= 64) return key
  context.addIssue({ code: "custom", message: "must be 16 to 64 bytes in base64url" })
  return z.NEVER
})

const apiKeys = z.string().transform((text, context) => {
  const keys = text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "")
    .map((entry, index) => {
      const parts = entry.split(":")
      if (parts.length === 1) return { name: `key-${index + 1}`, permissions: PERMISSIONS, secret: entry }
      const [name = "", permissions = "", secret = ""] = parts
      return { name, permissions: permissionsIn(permissions), secret: parts.length === 3 ? secret : "" }
    })
  const wrong = keys.some(({ name, permissions, secret }) => {
    const known = permissions.every((permission) => PERMISSIONS.includes(permission))
    return name === "" || !known || secret.length < MIN_SECRET_LENGTH || !/^[\x21-\x7e]+$/.test(secret)
  })
  if (!wrong && new Set(keys.map(({ secret }) => secret)).size < keys.length) {
    context.addIssue({
      code: "custom",
      message: `must have a secret of its own for each key: ${sharers(keys)} share one, so that nobody could say which of them a request used`,
    })
    return z.NEVER
  }
  if (wrong || keys.length === 0) {
    context.addIssue({
      code: "custom",
      message: `must be a list of name:permissions:secret separated by commas, permissions from ${PERMISSIONS.join(", ")} joined by +, or secrets alone for all of them; secrets have at least ${MIN_SECRET_LENGTH} visible characters`,
    })
    return z.NEVER
  }
  return keys
})

/** Each of a list of permissions joined by `+`; `read` is what `view` was called before there was anything to edit. */
function permissionsIn(text: string): string[] {
  return text.split("+").map((permission) => (permission === "read" ? "view" : permission))
}

const oidcRoles = z.string().transform((text, context) => {
  const roles = text.split(",").map((entry) => {
    const cut = entry.lastIndexOf(":")
    return { role: entry.slice(0, Math.max(0, cut)).trim(), permissions: permissionsIn(entry.slice(cut + 1).trim()) }
  })
  if (roles.every(({ role, permissions }) => role !== "" && permissions.every((one) => PERMISSIONS.includes(one)))) {
    return roles
  }
  context.addIssue({
    code: "custom",
    message: `must be a list of role:permissions separated by commas, permissions from ${PERMISSIONS.join(", ")} joined by +, such as ml-team:view+edit`,
  })
  return z.NEVER
})

/** A role of each permission's name may do that. */
const OWN_ROLES = PERMISSIONS.map((role) => ({ role, permissions: [role] }))

/** An address on the web; `secure`: only this machine is spoken to without TLS. */
function webAddress(secure: boolean, message: string) {
  return z.string().refine((text) => {
    const url = URL.parse(text)
    if (url === null || url.username !== "" || url.search !== "" || url.hash !== "") return false
    return url.protocol === "https:" || (url.protocol === "http:" && (!secure || isLoopback(url.hostname)))
  }, message)
}

/** Names of the keys that share the first secret found twice. */
function sharers(keys: readonly ApiKeySetting[]): string {
  const groups = Map.groupBy(keys, ({ secret }) => secret)
  const shared = [...groups.values()].find((group) => group.length > 1) ?? []
  return shared.map(({ name }) => name).join(" and ")
}

/** A setting that lists things between commas; spaces around them and empty ones don't count. */
function listOf(one: RegExp, message: string) {
  return z.string().transform((text, context) => {
    const entries = text.split(",").map((entry) => entry.trim().toLowerCase())
    const given = entries.filter((entry) => entry !== "")
    if (given.every((entry) => one.test(entry))) return given
    context.addIssue({ code: "custom", message })
    return z.NEVER
  })
}

const allowedHosts = listOf(
  /^(?:\[[0-9a-f:.]{2,45}\]|[a-z0-9](?:[a-z0-9._-]{0,253}[a-z0-9])?)(?::\d{1,5})?$/,
  "must be a list of host names separated by commas, each with a port or without, such as gateway.example,gateway.example:8080",
)

const corsOrigins = listOf(
  /^(?:\*|https?:\/\/(?:\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]+)(?::\d{1,5})?)$/,
  "must be a list of origins separated by commas, without a path, such as https://shop.example,https://shop.example:8443; or * for every page",
)

/** Far more than one control thread and one database can feed. */
const MOST_THREADS = 64

const threads = z.string().transform((text, context) => {
  const given = text.trim()
  if (given === "auto") return given
  const count = /^\d{1,3}$/.test(given) ? Number(given) : 0
  if (count >= 1 && count <= MOST_THREADS) return count
  context.addIssue({
    code: "custom",
    message: `must be a whole number from 1 to ${MOST_THREADS}, or auto for all cores but one`,
  })
  return z.NEVER
})

/** A power of 1024 by its letter. */
const BYTE_UNITS: Readonly<Record<string, number>> = { "": 1, k: 1 << 10, m: 1 << 20, g: 1 << 30, t: 2 ** 40 }
/** Two files of the log: less can't be kept, since the one that is written stays. */
const LEAST_OUTCOME_BYTES = 128 << 20

const outcomesMaxBytes = z.string().transform((text, context) => {
  const [, digits = "", unit = ""] = /^(\d{1,15})([kmgt]?)$/i.exec(text.trim()) ?? []
  const bytes = digits === "" ? Number.NaN : Number(digits) * (BYTE_UNITS[unit.toLowerCase()] ?? Number.NaN)
  if (Number.isSafeInteger(bytes) && bytes >= LEAST_OUTCOME_BYTES) return bytes
  context.addIssue({
    code: "custom",
    message:
      "must be a number of bytes, or of K, M, G or T (powers of 1024) such as 20G, and at least 128M: two files of the log",
  })
  return z.NEVER
})

const schema = z.object({
  HOST: z.string().min(1, "must be an address or a host name").default("127.0.0.1"),
  PORT: z.coerce
    .number("must be a port")
    .int("must be a port")
    .min(0, "must be a port")
    .max(65_535, "must be a port")
    .default(8080),
  THREADS: threads.default(1),
  DATA_DIR: z.string().min(1, "must be a folder").default("./data"),
  EXPERIMENTS_DIR: z.string().min(1, "must be a folder").optional(),
  MODELS_DIR: z.string().min(1, "must be a folder").optional(),
  TARGETS_FILE: z.string().min(1, "must be a file").optional(),
  DEFAULT_EXPERIMENT: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be an experiment's id")
    .optional(),
  SIGNING_KEYS: signingKeys.optional(),
  UNIT_KEY: unitKey.optional(),
  API_KEYS: apiKeys.default([]),
  PUBLIC_URL: webAddress(false, "must be an address such as https://gateway.example").optional(),
  OIDC_ISSUER: webAddress(true, "must be an address such as https://login.example, with TLS").optional(),
  OIDC_AUDIENCE: z.string().optional(),
  OIDC_ROLE_CLAIM: z.string().default("roles"),
  OIDC_ROLES: oidcRoles.default(OWN_ROLES),
  ALLOWED_HOSTS: allowedHosts.optional(),
  CORS_ORIGINS: corsOrigins.default([]),
  LOG_LEVEL: z.enum(["debug", "info", "warn", "error"], "must be debug, info, warn or error").default("info"),
  OUTCOMES_MAX_BYTES: outcomesMaxBytes.optional(),
  OUTCOMES_MAX_DAYS: z.coerce
    .number("must be a number of days")
    .int("must be a whole number of days")
    .min(2, "must be at least 2 days: rewards of the last day and one more may be repeated")
    .max(36_500, "must be at most 36500 days; leave it out to keep everything")
    .optional(),
  OVERLOAD_LIMITS: overloadLimits.optional(),
  SHUTDOWN_DELAY_SECONDS: z.coerce.number("must be a number of seconds").min(0).max(600).default(1),
  DRAIN_SECONDS: z.coerce.number("must be a number of seconds").min(0).max(600).default(5),
  KINESIS_STREAM: z
    .string()
    .regex(/^[a-zA-Z0-9_.-]{1,128}$/, "must be a stream's name: 1 to 128 letters, digits, _, . or -")
    .optional(),
  KINESIS_DRAIN_SECONDS: z.coerce.number("must be a number of seconds").min(0).max(600).default(3),
  REDIS_URL: redisUrl.optional(),
  REWARD_DURABILITY: z.enum(["log", "store"], "must be log or store").default("log"),
})

/** The names of all settings. */
export const SETTING_NAMES: readonly string[] = Object.keys(schema.shape)

/**
 * Reads the settings from an environment.
 *
 * @throws ConfigError with the whole list: malformed settings, and an address that others can reach where nobody needs a key
 */
export function parseConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(
    SETTING_NAMES.map((name) => [name, environment[name] === "" ? undefined : environment[name]]),
  )
  const parsed = schema.safeParse(given)
  const problems = parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`)
  const host = given["HOST"] ?? "127.0.0.1"
  if (given["OIDC_ISSUER"] !== undefined && given["OIDC_AUDIENCE"] === undefined) {
    problems.push("OIDC_AUDIENCE must be set with OIDC_ISSUER: it is what tokens for this gateway are told by")
  }
  if (!isLoopback(host) && given["API_KEYS"] === undefined && given["OIDC_ISSUER"] === undefined) {
    problems.push(
      `API_KEYS must be set, since HOST ${host} can be reached from other machines; or set HOST to 127.0.0.1`,
    )
  }
  if (given["REWARD_DURABILITY"] === "store" && given["REDIS_URL"] === undefined) {
    problems.push("REWARD_DURABILITY store needs REDIS_URL: without it the log in DATA_DIR is what there is")
  }
  if (problems.length > 0 || !parsed.success) throw new ConfigError(problems)
  const settings = parsed.data
  const { OIDC_ISSUER: issuer, OIDC_AUDIENCE: audience } = settings
  const oidc =
    issuer === undefined || audience === undefined
      ? undefined
      : { issuer, audience, roleClaim: settings.OIDC_ROLE_CLAIM, roles: settings.OIDC_ROLES }
  const needsKeys = settings.API_KEYS.length > 0 || oidc !== undefined
  return {
    host: settings.HOST,
    port: settings.PORT,
    threads: settings.THREADS,
    dataDir: settings.DATA_DIR,
    experimentsDir: settings.EXPERIMENTS_DIR,
    modelsDir: settings.MODELS_DIR,
    targetsFile: settings.TARGETS_FILE,
    defaultExperiment: settings.DEFAULT_EXPERIMENT,
    signingKeys: settings.SIGNING_KEYS,
    unitKey: settings.UNIT_KEY,
    apiKeys: settings.API_KEYS,
    oidc,
    needsKeys,
    publicUrl: settings.PUBLIC_URL,
    allowedHosts: settings.ALLOWED_HOSTS ?? [],
    servesAnyHost: settings.ALLOWED_HOSTS === undefined && needsKeys,
    corsOrigins: settings.CORS_ORIGINS,
    logLevel: settings.LOG_LEVEL,
    outcomesMaxBytes: settings.OUTCOMES_MAX_BYTES,
    outcomesMaxDays: settings.OUTCOMES_MAX_DAYS,
    overload: given["OVERLOAD_LIMITS"] === undefined ? OVERLOAD_DEFAULTS : settings.OVERLOAD_LIMITS,
    kinesisStream: settings.KINESIS_STREAM,
    kinesisDrainSeconds: settings.KINESIS_DRAIN_SECONDS,
    redis: settings.REDIS_URL,
    rewardDurability: settings.REWARD_DURABILITY,
    shutdownDelaySeconds: settings.SHUTDOWN_DELAY_SECONDS,
    drainSeconds: settings.DRAIN_SECONDS,
  }
}

/** Whether an address can only be reached from this machine. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host)
}

/** No bytes for what isn't base64url: too short for a key in any case. */
function base64urlBytes(text: string): number[] {
  if (!/^[A-Za-z0-9_-]+$/.test(text) || text.length % 4 === 1) return []
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"))
  return Array.from(binary, (character) => character.charCodeAt(0))
}
