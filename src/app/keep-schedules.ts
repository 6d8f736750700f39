import { onSchedule } from "../domain/schedule.ts"
import type { Clock } from "../ports/clock.ts"
import type { Logger } from "../ports/logger.ts"
import type { Publisher } from "./publish.ts"
import type { ServedExperiments } from "./served-experiments.ts"

export interface SchedulerDeps {
  readonly experiments: ServedExperiments
  readonly publisher: Publisher
  readonly clock: Clock
  readonly logger: Logger
}

/** Starts and ends experiments when their schedules say so. */
export class Scheduler {
  readonly #deps: SchedulerDeps
  #underWay: Promise<void> | undefined

  constructor(deps: SchedulerDeps) {
    this.#deps = deps
  }

  /** Publishes what has become due; one look at a time. Never rejects: what can't be published now is due at the next look. */
  look(): Promise<void> {
    this.#underWay ??= this.#look().finally(() => {
      this.#underWay = undefined
    })
    return this.#underWay
  }

  async #look(): Promise<void> {
    const { experiments, publisher, clock, logger } = this.#deps
    for (const { snapshot } of experiments.all()) {
      const { experiment, revision } = snapshot
      if (onSchedule(experiment, clock.now()) === experiment) continue
      const source = publisher.newest(experiment.id)?.source ?? "api"
      try {
        await publisher.publish(experiment, { actor: "schedule", source }, { after: revision })
      } catch (error) {
        // Another gateway over the same store may have been first.
        logger.warn({ experiment: experiment.id, error: String(error) }, "a schedule is not kept yet")
      }
    }
  }
}
