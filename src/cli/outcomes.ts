import type { Command } from "./command.ts"
import { copyOutcomes } from "./outcomes-copy.ts"
import { tailOutcomes } from "./outcomes-tail.ts"
import { Refusal, refuse } from "./refusal.ts"

const VERBS = { tail: tailOutcomes, copy: copyOutcomes } as const

export const outcomes: Command = {
  name: "outcomes",
  summary: "Print the outcome log or stream, each event once; or copy it as Parquet",
  usage: `npm run cli -- outcomes tail [--data-dir DIR | --stream NAME] [--follow]
                             [--from TIME] [--experiment ID] [--type TYPE]
                             [--cursor FILE] [--every-line]
npm run cli -- outcomes copy --to FOLDER [--data-dir DIR | --stream NAME]

tail prints the outcome log in DIR/outcomes as it is, one JSON object a line,
each event once. Works beside a running gateway. Where several threads serve,
each has a log: they are printed one after the other, each in its order.

copy writes it as Parquet files by day and experiment, which evaluate reads:
FOLDER/day=2026-11-21/experiment=ID/*.parquet. The next time it goes on where
it stopped; whatever is copied again replaces what was copied before. Needs the
optional package @duckdb/node-api.

  --data-dir DIR   default: DATA_DIR, or ./data
  --stream NAME    a Kinesis stream instead, where the AWS SDK's variables say
                   it is; no order is promised
  --follow         goes on as the log grows, until it is stopped
  --from TIME      only events from this time on, as in 2026-11-20T12:00:00Z
  --experiment ID  only events of this experiment
  --type TYPE      only decision, reward, experiment or audit events
  --cursor FILE    remembers in FILE how far the log was printed, and begins
                   there the next time; made where it isn't there. In
                   DIR/cursors, named *.json, it keeps the log's files from
                   being deleted until they were printed
  --every-line     also events that were printed before: rebuild --from needs all
                   lines of a stream, which has an event of several logs several
                   times
  --to FOLDER      where copies go; made where it isn't there

  npm run cli -- outcomes tail --type reward | head
  npm run cli -- outcomes copy --to copies
  npm run cli -- evaluate --log copies --experiment banner-ctr`,
  run: async (args, io) => {
    const [verb = "", ...rest] = args
    try {
      if (!isVerb(verb)) {
        throw new Refusal('say what to do with the outcomes: "tail" prints them, "copy" writes them as Parquet')
      }
      return await VERBS[verb](rest, io)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      refuse(io, "outcomes", error.message)
      return 1
    }
  },
}

function isVerb(text: string): text is keyof typeof VERBS {
  return Object.hasOwn(VERBS, text)
}
