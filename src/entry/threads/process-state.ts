import { AggregatorRegistry, type Registry } from "prom-client"
import { TIMED_OUT, within } from "../../app/within.ts"
import type { RecordingState } from "../recording.ts"
import type { MetricsOfThread } from "./functions.ts"
import type { ServingThreads } from "./serving-threads.ts"

/** A thread that is busy answers later: until then its last answer stands, so that no count ever falls. */
const ANSWER_WITHIN_MS = 500

/** What the threads say of themselves, put together for the whole process. */
export class ProcessState {
  readonly #threads: ServingThreads
  readonly #own: Registry
  #recordings: readonly (RecordingState | undefined)[] = []
  #metrics: readonly (MetricsOfThread | undefined)[] = []

  /** @param own what only the control thread knows */
  constructor(threads: ServingThreads, own: Registry) {
    this.#threads = threads
    this.#own = own
  }

  async recordings(): Promise<readonly RecordingState[]> {
    const answers = this.#threads.callEach("state", undefined)
    this.#recordings = await Promise.all(answers.map((answer, index) => soon(answer, this.#recordings[index])))
    return this.#recordings.filter((state) => state !== undefined)
  }

  /** All metrics: those of the threads added up, and those of the control thread. */
  async expose(): Promise<string> {
    const answers = this.#threads.callEach("metrics", undefined)
    const [own, ...metrics] = await Promise.all([
      this.#own.getMetricsAsJSON(),
      ...answers.map((answer, index) => soon(answer, this.#metrics[index])),
    ])
    this.#metrics = metrics
    const known = [own, ...metrics].filter((one) => one !== undefined)
    return await AggregatorRegistry.aggregate(known).metrics()
  }
}

async function soon<T>(answer: Promise<T>, last: T | undefined): Promise<T | undefined> {
  const given = await within(answer, ANSWER_WITHIN_MS)
  return given === TIMED_OUT ? last : given
}
