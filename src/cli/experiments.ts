import { type Answer, GatewayClient, GatewayProblem } from "../../examples/client.ts"
import type { Command, Io } from "./command.ts"
import { applyDocuments } from "./experiments-apply.ts"
import { type ExperimentOptions, readArguments } from "./experiments-options.ts"
import { describeEdit, describeHistory, describeList, describeRevisions } from "./experiments-text.ts"
import { Refusal, refuse } from "./refusal.ts"

/** One thing to do with an experiment. */
type Action = (client: GatewayClient, id: string, options: ExperimentOptions, io: Io) => Promise<number>

export const experiments: Command = {
  name: "experiments",
  summary: "Read and edit the experiments of a running gateway",
  usage: `npm run cli -- experiments <what> [ID or FILE] [options]

  list                     every experiment
  get ID                   its document, as YAML
  apply FILE               publishes a document, or each of a folder, and shows
                           first what is different
  diff ID                  what changed between two revisions (--from, --to)
  history ID               every revision, newest first
  rollback ID              publishes an earlier document anew (--to)
  pause ID                 gives everyone the control
  resume ID                runs what was paused

  --address URL    of the gateway; default: GATEWAY_ADDRESS, or
                   http://127.0.0.1:8080. A key comes from GATEWAY_KEY
  --dry-run        shows what an edit would do, and does nothing
  --reason TEXT    why, for those who read the history
  --begin-anew     apply publishes also what makes variants lose what was
                   learned of them; it stops there otherwise
  --reset LIST     variants whose statistics begin anew, or all. Needs a reason
  --keep LIST      variants whose statistics go on whatever changes, or all
  --to, --from N   revisions
  --json           what the gateway answers, a JSON document a line

  npm run cli -- experiments get banner-ctr > banner-ctr.yaml
  npm run cli -- experiments apply banner-ctr.yaml --dry-run`,
  run: async (args, io) => {
    const { values, positionals } = readArguments(args)
    const [what = "", name = "", ...more] = positionals
    try {
      const client = new GatewayClient({
        address: values.address ?? io.env["GATEWAY_ADDRESS"] ?? "http://127.0.0.1:8080",
        key: io.env["GATEWAY_KEY"],
      })
      if (what === "list" && name === "") return await list(client, values, io)
      const action = Object.hasOwn(ACTIONS, what) ? ACTIONS[what] : undefined
      if (action === undefined) throw new Refusal(`say what to do: list, ${Object.keys(ACTIONS).join(", ")}`)
      if (name === "" || more.length > 0)
        throw new Refusal(`${what} takes one ${what === "apply" ? "file or folder" : "experiment's id"}`)
      return await action(client, name, values, io)
    } catch (error) {
      return explain(error, values, io)
    }
  },
}

const ACTIONS: Readonly<Record<string, Action>> = {
  get: async (client, experiment, { json }, io) => {
    const accept = json ? "application/json" : "application/yaml"
    const { body } = await client.readExperiment({ experiment, accept })
    if (typeof body !== "string") return print(body, io)
    io.stdout.write(body)
    return 0
  },
  apply: applyDocuments,
  diff: async (client, experiment, options, io) => {
    const [from, to] = [revisionIn(options.from, "--from"), revisionIn(options.to, "--to")]
    const { body } = await client.readDiff({ experiment, from, to })
    if (options.json) return print(body, io)
    io.stdout.write(describeRevisions(body))
    return 0
  },
  history: async (client, experiment, { json }, io) => {
    for (let cursor: number | undefined; ; ) {
      const { body } = await client.readHistory({ experiment, cursor })
      if (json) print(body, io)
      else io.stdout.write(describeHistory(body))
      if (body.nextCursor === undefined) return 0
      cursor = Number(body.nextCursor)
    }
  },
  rollback: async (client, experiment, options, io) => {
    const { reason, reset, keep } = options
    const to = revisionIn(options.to, "--to")
    const given = { experiment, to, reason, reset, keep, dryRun: options["dry-run"] }
    return told(await client.rollbackExperiment(given), options, io)
  },
  pause: async (client, experiment, options, io) =>
    told(await client.pauseExperiment({ experiment, reason: options.reason, dryRun: options["dry-run"] }), options, io),
  resume: async (client, experiment, options, io) =>
    told(
      await client.resumeExperiment({ experiment, reason: options.reason, dryRun: options["dry-run"] }),
      options,
      io,
    ),
}

async function list(client: GatewayClient, { json }: ExperimentOptions, io: Io): Promise<number> {
  for (let cursor: string | undefined; ; ) {
    const { body } = await client.listExperiments({ cursor })
    if (json) print(body, io)
    else io.stdout.write(describeList(body))
    if (body.nextCursor === undefined) return 0
    cursor = body.nextCursor
  }
}

function told({ body }: Answer<Parameters<typeof describeEdit>[0]>, { json }: ExperimentOptions, io: Io): number {
  if (json) return print(body, io)
  io.stdout.write(describeEdit(body))
  return 0
}

function print(value: unknown, io: Io): number {
  io.stdout.write(`${JSON.stringify(value)}\n`)
  return 0
}

function revisionIn(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new Refusal(`${option} is the number of a revision`)
}

/** What kept a command from being done: the gateway's own words where it has any. */
function explain(error: unknown, { json }: ExperimentOptions, io: Io): number {
  if (error instanceof Refusal) {
    refuse(io, "experiments", error.message)
    return 1
  }
  if (error instanceof GatewayProblem) {
    if (json) print(error.problem, io)
    refuse(io, "experiments", error.message)
    return error.problem.status < 500 ? 1 : 2
  }
  // What fetch throws: TypeError with the reason as its cause, or a time-out.
  if (error instanceof TypeError || (error instanceof DOMException && error.name === "TimeoutError")) {
    const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ""
    refuse(io, "experiments", `the gateway can't be reached${cause}. Is it running, and is --address right?`)
    return 1
  }
  throw error
}
