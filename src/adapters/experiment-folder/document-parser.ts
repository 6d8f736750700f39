import { Worker } from "node:worker_threads"
import { type ParsedText, unreadable } from "./document.ts"

/** A text that takes longer is none that a person wrote: the bounds keep all others far below. */
const PARSE_WITHIN_MS = 10_000
/** The thread costs memory and an edit is rare: it goes when there is nothing left to parse. */
const IDLE_MS = 2_000

/** Parses documents in a thread of its own, one after the other. Never rejects. */
export class DocumentParser {
  #worker: Worker | undefined
  /** Settles the text that is with the thread. */
  #answer: (parsed: ParsedText) => void = () => {}
  #last: Promise<unknown> = Promise.resolve()
  #idle: NodeJS.Timeout | undefined

  parse(text: string): Promise<ParsedText> {
    const parsed = this.#last.then(() => this.#parseNow(text))
    this.#last = parsed
    return parsed
  }

  async #parseNow(text: string): Promise<ParsedText> {
    clearTimeout(this.#idle)
    const worker = this.#worker ?? this.#start()
    const answer = Promise.withResolvers<ParsedText>()
    this.#answer = answer.resolve
    const timer = setTimeout(() => this.#giveUp("takes too long to be read"), PARSE_WITHIN_MS)
    // Only while someone waits does the thread keep the process alive.
    worker.ref()
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    worker.postMessage(text)
    const parsed = await answer.promise
    clearTimeout(timer)
    worker.unref()
    this.#idle = setTimeout(() => this.#stop(), IDLE_MS).unref()
    return parsed
  }

  #start(): Worker {
    const worker = new Worker(new URL("./parse-thread.ts", import.meta.url))
    // A thread that was given up may still say something.
    worker.on("message", (parsed: ParsedText) => {
      if (worker === this.#worker) this.#answer(parsed)
    })
    worker.on("error", (error: Error) => {
      if (worker === this.#worker) this.#giveUp(`can't be parsed: ${error.message}`)
    })
    this.#worker = worker
    return worker
  }

  #giveUp(why: string): void {
    this.#stop()
    this.#answer(unreadable(why))
  }

  #stop(): void {
    void this.#worker?.terminate()
    this.#worker = undefined
  }
}
