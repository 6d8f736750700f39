import { parseArgs } from "node:util"
import * as z from "zod"
import { PERMISSIONS } from "../domain/permissions.ts"
import type { Command, Io } from "./command.ts"
import { GATEWAY_HELP, GatewayApi, GatewayFailure } from "./gateway-api.ts"
import { Refusal, refuse } from "./refusal.ts"

const DAY_MS = 86_400_000

const key = z.object({
  id: z.string(),
  name: z.string(),
  permissions: z.array(z.string()),
  experiments: z.array(z.string()).nullable(),
  requestsPerSecond: z.number().nullable(),
  expiresAt: z.string().nullable(),
  lastUsedAt: z.string().nullable(),
})
const keyList = z.object({
  keys: z.array(key),
  configured: z.array(z.object({ name: z.string(), permissions: z.array(z.string()) })),
})
const madeKey = z.object({ key, secret: z.string() })

const OPTIONS = {
  url: { type: "string" },
  json: { type: "boolean", default: false },
  name: { type: "string" },
  permissions: { type: "string" },
  experiments: { type: "string" },
  "requests-per-second": { type: "string" },
  expires: { type: "string" },
} as const

export const keys: Command = {
  name: "keys",
  summary: "Make, list and revoke API keys of a running gateway",
  usage: `npm run cli -- keys list
npm run cli -- keys make --name NAME --permissions ${PERMISSIONS.join("+")}
                    [--experiments ID,ID] [--requests-per-second N]
                    [--expires 90d]
npm run cli -- keys revoke ID

Makes keys of a running gateway, shows who has one and when it was used, and
revokes them. The secret of a key is shown once, when it is made. The gateway
must have been started with API_KEYS (or OIDC_ISSUER), and the key in
GATEWAY_KEY must have the permission admin.

  --name NAME        whose key it is; it stands in history and audit
  --permissions P+Q  what it may do, of ${PERMISSIONS.join(", ")}
  --experiments ID   experiments that it is for; default: all
  --requests-per-second N
                     how often it may be used; default: without a limit
  --expires WHEN     in days, as 90d, or a time, as 2027-01-31T12:00:00Z;
                     default: never
  --json             print the gateway's answer
${GATEWAY_HELP}

  API_KEYS=first:admin:a-long-secret npm start
  GATEWAY_KEY=a-long-secret npm run cli -- keys make --name ads \\
    --permissions predict --experiments banner-ctr`,
  run: async (args, io) => {
    const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: OPTIONS })
    try {
      const text = await act(positionals, values, io)
      io.stdout.write(`${text}\n`)
      return 0
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof GatewayFailure)) throw error
      refuse(io, "keys", error.message)
      return error instanceof Refusal ? 1 : 2
    }
  },
}

type Values = ReturnType<typeof parseArgs<{ readonly options: typeof OPTIONS }>>["values"]

/** @returns what to print */
async function act([verb, id, ...rest]: readonly string[], values: Values, io: Io): Promise<string> {
  const api = new GatewayApi(values.url, io)
  const asJson = (answer: unknown): string => JSON.stringify(answer)
  if (verb === "revoke" && id !== undefined && rest.length === 0) {
    await api.call("DELETE", `/admin/keys/${encodeURIComponent(id)}`)
    return values.json
      ? asJson({ revoked: id })
      : `${id} is revoked: refused here at once, by every gateway of the store within two seconds`
  }
  if (verb === "list" && id === undefined) {
    const answer = keyList.parse(await api.call("GET", "/admin/keys"))
    return values.json ? asJson(answer) : describeKeys(answer)
  }
  if (verb === "make" && id === undefined) {
    const made = madeKey.parse(await api.call("POST", "/admin/keys", wishOf(values)))
    return values.json
      ? asJson(made)
      : `${made.secret}\n\nThis is the key ${made.key.id} of ${made.key.name}. It is not shown again.`
  }
  throw new Refusal("say what to do: list, make --name … --permissions …, or revoke ID")
}

function wishOf(values: Values): Readonly<Record<string, unknown>> {
  const { name, permissions, experiments, expires } = values
  const rate = values["requests-per-second"]
  if (name === undefined || permissions === undefined) throw new Refusal("a key needs --name and --permissions")
  return {
    name,
    permissions: permissions.split(/[+,]/),
    ...(experiments === undefined ? {} : { experiments: experiments.split(",") }),
    ...(rate === undefined ? {} : { requestsPerSecond: Number(rate) }),
    ...(expires === undefined ? {} : { expiresAt: timeOf(expires) }),
  }
}

/** Days from now, or a time as it is: the gateway says whether it is one. */
function timeOf(text: string): string {
  const days = /^(\d{1,5})d$/.exec(text)?.[1]
  return days === undefined ? text : new Date(Date.now() + Number(days) * DAY_MS).toISOString()
}

function describeKeys({ keys: made, configured }: z.infer<typeof keyList>): string {
  const rows = [
    ["id", "name", "may", "experiments", "a second", "expires", "last used"],
    ...made.map((one) => [
      one.id,
      one.name,
      one.permissions.join("+"),
      one.experiments?.join(",") ?? "all",
      String(one.requestsPerSecond ?? "any"),
      one.expiresAt ?? "never",
      one.lastUsedAt ?? "not yet",
    ]),
    ...configured.map(({ name, permissions }) => [
      "of API_KEYS",
      name,
      permissions.join("+"),
      "all",
      "any",
      "never",
      "",
    ]),
  ]
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n")
}
