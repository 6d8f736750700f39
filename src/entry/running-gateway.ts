import { setTimeout as sleep } from "node:timers/promises"
import type { StreamShipping } from "./shipping/stream-shipping.ts"
import type { Start } from "./start.ts"
import type { Upkeep } from "./upkeep.ts"

/** A gateway that serves. `stop` finishes what is under way, writes everything down and settles; safe to call twice. */
export interface RunningGateway {
  readonly address: string
  /** Settles when a thread has died that the gateway can't go on without: nothing is served then, and all is released. */
  readonly died: Promise<Error>
  stop(): Promise<void>
}

/** What answers requests, in this thread or in others. */
export interface Server {
  readonly port: number
  readonly died: Promise<Error>
  /** From now on `/readyz` answers 503, and every answer tells its client to open its next connection elsewhere. */
  drain(): void
  /** Takes no more connections, and settles when the last answer is out or `drainSeconds` have passed. */
  stopListening(): Promise<void>
  /** Writes everything down. */
  close(): Promise<void>
}

export interface RunningParts extends Pick<Start, "config" | "logger"> {
  readonly server: Server
  readonly upkeep: Upkeep
  /** Undefined: outcomes go to no stream. */
  readonly shipping: StreamShipping | undefined
  /** Lets go of store and folder, last of all. */
  readonly release: () => Promise<void>
}

export function runGateway({ config, server, upkeep, shipping, logger, release }: RunningParts): RunningGateway {
  const { host, shutdownDelaySeconds, drainSeconds } = config
  upkeep.start()
  let stopped: Promise<void> | undefined
  return {
    address: `http://${host.includes(":") ? `[${host}]` : host}:${server.port}`,
    died: server.died.then(async (error) => {
      stopped ??= Promise.resolve()
      logger.error(
        { err: error },
        "a serving thread has died: the process ends. What it logged is counted by the next start",
      )
      upkeep.stop()
      await shipping?.end()
      await release()
      logger.flush()
      return error
    }),
    stop: () => {
      stopped ??= stop()
      return stopped
    },
  }

  async function stop(): Promise<void> {
    server.drain()
    logger.info({}, "draining")
    // Whoever still comes is served: a balancer has to hear 503 from /readyz first, and open connections are told to close.
    await sleep(shutdownDelaySeconds * 1000)
    upkeep.stop()
    await server.stopListening()
    await upkeep.settled(drainSeconds * 1000)
    await server.close()
    await shipping?.stop()
    await release()
    logger.info({}, "stopped")
    logger.flush()
  }
}
