import * as z from "zod"

/** Where Redis is, as `REDIS_URL` says it. */
export interface RedisSetting {
  readonly kind: "single" | "sentinel" | "cluster"
  readonly nodes: readonly { readonly host: string; readonly port: number }[]
  readonly masterName: string | undefined
  readonly tls: boolean
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number
}

const REDIS_KINDS = { redis: "single", "redis+sentinel": "sentinel", "redis+cluster": "cluster" } as const
const REDIS_PORTS = { single: 6_379, sentinel: 26_379, cluster: 6_379 } as const
const NODE = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9](?:[a-z0-9._-]{0,253}[a-z0-9])?)(?::(\d{1,5}))?$/i

/** `REDIS_URL`. */
export const redisUrl = z.string().transform((text, context): RedisSetting => {
  const [, secure, scheme = "", login, hosts = "", path = ""] =
    /^redis(s?)(\+sentinel|\+cluster)?:\/\/(?:([^@/]*)@)?([^@/]+)(?:\/(.*))?$/.exec(text.trim()) ?? []
  const kind = REDIS_KINDS[`redis${scheme}` as keyof typeof REDIS_KINDS] ?? "single"
  const nodes = hosts.split(",").flatMap((node) => {
    const [, host = "", port = String(REDIS_PORTS[kind])] = NODE.exec(node.trim()) ?? []
    return host === "" || Number(port) < 1 || Number(port) > 65_535
      ? []
      : [{ host: host.replace(/^\[|\]$/g, ""), port: Number(port) }]
  })
  const wanted = { single: /^\d{0,4}$/, sentinel: /^[A-Za-z0-9._-]{1,64}(?:\/\d{1,4})?$/, cluster: /^$/ }[kind]
  const complete = nodes.length === hosts.split(",").length && (kind !== "single" || nodes.length === 1)
  const credentials = readLogin(login)
  if (secure === undefined || !complete || !wanted.test(path) || credentials === undefined) {
    context.addIssue({
      code: "custom",
      message:
        "must be redis://user:password@host:port/database, redis+sentinel://host:port,host:port/master-name or redis+cluster://host:port,host:port, with rediss for TLS; what a password has of @ / : % is written as %40 %2F %3A %25",
    })
    return z.NEVER
  }
  const [master = "", database = ""] = kind === "sentinel" ? path.split("/") : ["", path]
  const masterName = kind === "sentinel" ? master : undefined
  return { kind, nodes, masterName, tls: secure === "s", ...credentials, database: Number(database) }
})

/** User and password of a URL; undefined where they are not encoded as in one. */
function readLogin(
  login: string | undefined,
): { readonly username: string | undefined; readonly password: string | undefined } | undefined {
  if (login === undefined) return { username: undefined, password: undefined }
  const [user = "", password = ""] = login.split(":")
  if (login.split(":").length > 2 || password === "") return undefined
  try {
    return { username: user === "" ? undefined : decodeURIComponent(user), password: decodeURIComponent(password) }
  } catch {
    return undefined
  }
}
