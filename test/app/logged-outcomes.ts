import { appendFileSync, cpSync, rmSync } from "node:fs"
import { join } from "node:path"
import { openOutcomeLog } from "#src/adapters/ndjson/outcome-log.ts"
import { createOutcomeReader } from "#src/adapters/ndjson/outcome-reader.ts"
import { createFoldMarkFile } from "#src/adapters/node-files/fold-marks.ts"
import { createRecorder } from "#src/app/recorder.ts"
import { recover } from "#src/app/recover.ts"
import type { RewardEvent } from "#src/domain/events.ts"
import type { CounterArchive } from "#src/ports/counter-archive.ts"
import type { CounterStore } from "#src/ports/counter-store.ts"
import { decisionEvent, factsOf } from "#test/outcomes.ts"
import { realClock } from "#test/real-clock.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"

export type Store = CounterStore & CounterArchive

/** The data folder of a gateway: what one process leaves for the next. */
export class LoggedOutcomes {
  readonly folder: string
  readonly logger = createRememberingLogger()

  constructor(folder: string) {
    this.folder = folder
  }

  get outcomes(): string {
    return join(this.folder, "outcomes")
  }

  get path(): string {
    return join(this.outcomes, "outcomes-00000001.ndjson")
  }

  get reader() {
    return createOutcomeReader(this.outcomes)
  }

  /** A process of this folder over a store: brought up to the log's end, and recording. */
  async start(store: Store) {
    const { logger, reader } = this
    const marks = createFoldMarkFile(this.folder, logger)
    const log = await openOutcomeLog({ folder: this.outcomes, logger, syncAfterMs: 60_000 })
    const recovered = await recover({ reader, log, store, marks, logger })
    const recorder = createRecorder({
      log,
      store: withoutClose(store),
      reader,
      marks,
      clock: realClock,
      logger,
      positions: recovered.positions,
      foldEveryMs: 1,
    })
    return {
      log,
      recorder,
      recovered,
      decide: async (...ids: readonly string[]) => {
        for (const decisionId of ids) {
          const event = decisionEvent({ decisionId })
          await recorder.recordDecision(JSON.stringify(event), factsOf(event))
        }
      },
      reward: (...events: readonly RewardEvent[]) => recorder.recordRewards(events),
    }
  }

  /** What a process wrote and never folded. */
  append(...events: readonly unknown[]): void {
    appendFileSync(this.path, events.map((event) => `${JSON.stringify(event)}\n`).join(""))
  }

  /** Another folder with everything that this one has. */
  copyTo(folder: string): LoggedOutcomes {
    rmSync(folder, { recursive: true, force: true })
    cpSync(this.folder, folder, { recursive: true })
    return new LoggedOutcomes(folder)
  }
}

/** The store outlives the processes that use it. */
function withoutClose(store: Store): Store {
  return { ...store, close: async () => {} }
}
