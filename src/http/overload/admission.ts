import { GradientLimit } from "./gradient-limit.ts"
import { type Partition, PartitionCounts, type Shares } from "./partition.ts"
import { StandingQueue } from "./standing-queue.ts"

/** Every limit, by name. docs/overload.md says what each is for. */
export interface OverloadKnobs {
  readonly concurrencyInitial: number
  readonly concurrencyMin: number
  readonly concurrencyMax: number
  readonly concurrencySmoothing: number
  readonly concurrencyLongWindow: number
  readonly concurrencyTolerance: number
  readonly concurrencyQueue: number
  readonly predictShare: number
  readonly rewardShare: number
  readonly adminShare: number
  readonly queueTargetMs: number
  readonly queueIntervalMs: number
  readonly loopDelayMs: number
  readonly loopUtilization: number
  readonly heapClose: number
  readonly heapRefuse: number
  readonly retryAfterSeconds: number
}

/** Why a request is refused without being read. */
export const SHED_CAUSES = ["queue", "event_loop", "concurrency", "heap", "returned_early"] as const

export type ShedCause = (typeof SHED_CAUSES)[number]

/** What the process says of itself. */
export interface ThreadLoad {
  /** 99th percentile of how late timers came in the last second. */
  readonly loopDelayMs: number
  /** Share of the time in which the event loop did not wait for anything, in [0, 1]. */
  readonly loopUtilization: number
  /** Used share of the most that the heap may take, in [0, 1]. */
  readonly heapShare: number
}

const IDLE: ThreadLoad = { loopDelayMs: 0, loopUtilization: 0, heapShare: 0 }

/** A thread does so many pieces of work in one turn of its event loop: that many can always wait. */
const LEAST_ROOM = 32

/** The overload is over when nobody had to be refused for so long. Callers who were refused come back within that time. */
export const CALM_MS = 1000

/** What admission is and was, for metrics. */
export interface AdmissionState {
  readonly overloaded: boolean
  /** Requests that wait for this thread. */
  readonly queued: number
  /** Requests that this thread has begun and that wait for something else: a model elsewhere, the disk. */
  readonly inFlight: number
  readonly concurrencyLimit: number
  readonly queueWaitMs: number
  readonly load: ThreadLoad
}

/**
 * Decides at each request's headers whether it is served or refused. One for each thread that serves.
 *
 * Two things can be too many. Requests queue up before the thread itself: that is judged by how long they wait, since with so many connections as a
 * thread can serve in milliseconds a long queue is no overload. And requests wait for something outside: these have a limit that is learned.
 */
export class Admission {
  readonly #knobs: OverloadKnobs
  readonly #shares: Shares
  readonly #nowMs: () => number
  readonly #queue: StandingQueue
  readonly #limit: GradientLimit
  readonly #queued = new PartitionCounts()
  readonly #inFlight = new PartitionCounts()
  #load: ThreadLoad = IDLE
  #overloadedBy: "queue" | "event_loop" | undefined
  #calmSinceMs = 0
  #turn = 0

  /** @param nowMs a clock that never goes back */
  constructor(knobs: OverloadKnobs, nowMs: () => number) {
    this.#knobs = knobs
    this.#shares = { predict: knobs.predictShare, reward: knobs.rewardShare, admin: knobs.adminShare }
    this.#nowMs = nowMs
    this.#queue = new StandingQueue({ targetMs: knobs.queueTargetMs, intervalMs: knobs.queueIntervalMs })
    this.#limit = new GradientLimit({
      initial: knobs.concurrencyInitial,
      least: knobs.concurrencyMin,
      most: knobs.concurrencyMax,
      smoothing: knobs.concurrencySmoothing,
      longWindow: knobs.concurrencyLongWindow,
      tolerance: knobs.concurrencyTolerance,
      growth: knobs.concurrencyQueue,
    })
  }

  get state(): AdmissionState {
    return {
      overloaded: this.overloaded,
      queued: this.#queued.total,
      inFlight: this.#inFlight.total,
      concurrencyLimit: this.#limit.value,
      queueWaitMs: this.#queue.lastWaitMs,
      load: this.#load,
    }
  }

  get overloaded(): boolean {
    return this.#overloadedBy !== undefined
  }

  /** Whether memory is so short that connections should end with their answer. */
  get closesConnections(): boolean {
    return this.#load.heapShare >= this.#knobs.heapClose
  }

  /**
   * Why a request can't be served, undefined where it can.
   *
   * @param returnedEarly whether its caller was refused and sent it before the time that it was told to wait
   */
  judge(partition: Partition, returnedEarly = false): ShedCause | undefined {
    if (this.#load.heapShare >= this.#knobs.heapRefuse) return "heap"
    if (this.#inFlight.exceeds(this.#limit.value, this.#shares, partition)) return "concurrency"
    if (this.#overloadedBy === undefined) return undefined
    const room = Math.max(LEAST_ROOM, this.#queue.roomWithinTarget)
    if (!returnedEarly && !this.#queued.exceeds(room, this.#shares, partition)) return undefined
    this.#calmSinceMs = this.#nowMs()
    return returnedEarly ? "returned_early" : this.#overloadedBy
  }

  /** A request of a partition that was let in. */
  enter(partition: Partition): AdmittedRequest {
    return new AdmittedRequest(partition, this.#queued, this.#inFlight, this)
  }

  /** Pieces of work begin. @param waitedMs how long the first of those that came in one turn waited @param ahead how many were before it */
  waited(waitedMs: number, ahead: number): void {
    this.#turn += 1
    this.#queue.observe(waitedMs, ahead, this.#nowMs())
  }

  /** Takes in what the thread says of itself. @returns whether it became overloaded or is so no longer */
  look(load: ThreadLoad): boolean {
    const before = this.overloaded
    const nowMs = this.#nowMs()
    this.#load = load
    const late = load.loopDelayMs > this.#knobs.loopDelayMs
    // A thread without a pause is well used. One without a pause in which requests wait all the time has too many.
    const stands = this.#queue.stands(nowMs) && load.loopUtilization > this.#knobs.loopUtilization
    if (late || stands) {
      this.#overloadedBy = stands ? "queue" : "event_loop"
      this.#calmSinceMs = nowMs
    } else if (nowMs - this.#calmSinceMs >= CALM_MS) this.#overloadedBy = undefined
    return this.overloaded !== before
  }

  /** In which turn of the event loop it is, as far as work is concerned. */
  get turn(): number {
    return this.#turn
  }

  get nowMs(): number {
    return this.#nowMs()
  }

  learn(tookMs: number): void {
    this.#limit.learn(tookMs, this.#inFlight.total)
  }
}

/** A request on its way: first it may wait for this thread, then it is worked on, then it is answered. */
export class AdmittedRequest {
  readonly #partition: Partition
  readonly #queued: PartitionCounts
  readonly #inFlight: PartitionCounts
  readonly #admission: Admission
  #state: "arriving" | "queued" | "begun" | "over" = "arriving"
  #begunMs = 0
  #begunInTurn = 0

  constructor(partition: Partition, queued: PartitionCounts, inFlight: PartitionCounts, admission: Admission) {
    this.#partition = partition
    this.#queued = queued
    this.#inFlight = inFlight
    this.#admission = admission
  }

  /** All of it has come. Until then it costs nothing but memory, for which there are other limits. */
  whole(): void {
    if (this.#state !== "arriving") return
    this.#state = "queued"
    this.#queued.add(this.#partition, 1)
  }

  begin(): void {
    if (this.#state === "begun" || this.#state === "over") return
    if (this.#state === "queued") this.#queued.add(this.#partition, -1)
    this.#state = "begun"
    this.#inFlight.add(this.#partition, 1)
    this.#begunMs = this.#admission.nowMs
    this.#begunInTurn = this.#admission.turn
  }

  /** It is answered, or its peer is gone. */
  end(): void {
    if (this.#state === "queued") this.#queued.add(this.#partition, -1)
    if (this.#state === "begun") {
      // What is answered in the turn that began it waited for nothing outside: its time is this thread's own.
      if (this.#admission.turn !== this.#begunInTurn) this.#admission.learn(this.#admission.nowMs - this.#begunMs)
      this.#inFlight.add(this.#partition, -1)
    }
    this.#state = "over"
  }
}
