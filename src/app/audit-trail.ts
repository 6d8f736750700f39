import type { AuditEvent } from "../domain/events.ts"
import type { AuditHead, AuditLine, AuditLog, AuditQuery, AuditRecord } from "../ports/audit-log.ts"
import type { Clock } from "../ports/clock.ts"
import type { Logger } from "../ports/logger.ts"

export interface AuditDeps {
  readonly log: AuditLog
  /** Tells the outcome log how far the trail reaches. */
  readonly stream: (event: AuditEvent) => Promise<void>
  readonly clock: Clock
  readonly logger: Logger
}

/** Refused attempts that may wait for the disk at once. */
const MOST_WAITING = 64

/** The record of who changed what. What can't be recorded isn't done. */
export class AuditTrail {
  readonly #deps: AuditDeps
  /** To be streamed. */
  #head: AuditHead | undefined
  #streaming: Promise<void> | undefined
  #refusedUnderWay = 0

  constructor(deps: AuditDeps) {
    this.#deps = deps
  }

  /** Records what is about to be done. @throws GatewayError `audit_unavailable`: don't do it */
  async record(record: AuditRecord): Promise<void> {
    const { log, clock } = this.#deps
    this.#stream(await log.append(record, clock.now()))
  }

  /** Records that something was refused, or did not come about. Never rejects: nobody waits for it. */
  async note(record: AuditRecord): Promise<void> {
    const { log, clock, logger } = this.#deps
    // A flood of refusals must not fill memory while the disk is slow.
    if (this.#refusedUnderWay >= MOST_WAITING) {
      logger.warn({ ...record }, "a refused attempt is not recorded: too many at once")
      return
    }
    this.#refusedUnderWay += 1
    try {
      this.#stream(await log.append(record, clock.now()))
    } catch (error) {
      logger.warn({ ...record, error: String(error) }, "a refused attempt is not recorded")
    } finally {
      this.#refusedUnderWay -= 1
    }
  }

  /** @throws GatewayError `audit_unavailable` */
  read(query: AuditQuery): Promise<readonly AuditLine[]> {
    return this.#deps.log.read(query)
  }

  /** Writes what is under way and closes. */
  async close(): Promise<void> {
    await this.#deps.log.close()
    await this.#streaming
  }

  /** Nobody waits for it. Of several heads that come while one is on its way, the last tells of all. */
  #stream(head: AuditHead): void {
    this.#head = head
    this.#streaming ??= this.#streamNewest()
  }

  async #streamNewest(): Promise<void> {
    const { stream, clock, logger } = this.#deps
    for (let head = this.#head; head !== undefined; head = this.#head) {
      this.#head = undefined
      const { chain, seq, hash } = head
      const at = new Date(clock.now()).toISOString()
      try {
        await stream({ v: 1, type: "audit", eventId: `a-${chain}-${seq}`, at, chain, seq, hash })
      } catch (error) {
        // The next one tells of this one too.
        logger.warn({ chain, seq, error: String(error) }, "the head of the audit trail is not in the outcome log yet")
      }
    }
    this.#streaming = undefined
  }
}
