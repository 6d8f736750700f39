import { randomFillSync } from "node:crypto"
import type { Server } from "node:http"
import { createPseudonyms } from "../adapters/node-crypto/mac.ts"
import type { ManageKeys } from "../app/manage-keys.ts"
import type { Config } from "../config.ts"
import type { Application } from "../http/application.ts"
import type { Metrics } from "../http/metrics.ts"
import { SERVE_ANY_HOST, serveHosts } from "../http/served-hosts.ts"
import type { Logger } from "../ports/logger.ts"
import { createAuthorization, NO_KEYS_NEEDED } from "./authorization.ts"
import { compressOnThreads } from "./compress.ts"
import type { ServingParts } from "./gateway.ts"
import { IncomingBodies } from "./incoming-body.ts"
import type { Keys } from "./kept-keys.ts"
import { machineClock } from "./machine-clock.ts"
import { createNodeServer } from "./node-server.ts"
import { Gate } from "./overload/gate.ts"
import { limitsForThisProcess, Peers } from "./peers.ts"
import { overloadReadings, wireReadings } from "./readings.ts"
import type { TurnEnd } from "./turn-end.ts"

/**
 * What a thread that serves has on Node: parts of its own, whose limits are those of its own heap.
 *
 * @param manageKeys where API keys are made and revoked
 */
export function createNodeParts(config: Config, keys: Keys, manageKeys: ManageKeys, turnEnd: TurnEnd, logger: Logger) {
  const peers = new Peers(limitsForThisProcess())
  const bodies = new IncomingBodies(undefined, turnEnd)
  const { putInForce, ...authorization } = createAuthorization(config, machineClock)
  const gate = config.overload === undefined ? undefined : new Gate(config.overload)
  gate?.watch(turnEnd, logger)
  return {
    putInForce,
    readings: { ...wireReadings(peers, bodies), ...(gate === undefined ? {} : overloadReadings(gate)) },
    serving: {
      clock: machineClock,
      randomBytes: (target) => void randomFillSync(target),
      pseudonym: createPseudonyms(keys.unitKey),
      signingKeys: keys.signingKeys,
      ...authorization,
      keys: config.needsKeys ? manageKeys : { unmanaged: NO_KEYS_NEEDED },
      compress: compressOnThreads,
      rewardOrigins: config.corsOrigins,
    } satisfies Partial<ServingParts>,
    createServer: (application: Application, metrics: Metrics, isDraining: () => boolean): Server => {
      if (gate !== undefined) gate.onShed = (partition, cause) => metrics.shed(partition, cause)
      return createNodeServer(application, {
        bodies,
        peers,
        gate,
        isDraining,
        judgeHost: config.servesAnyHost ? SERVE_ANY_HOST : serveHosts(config.allowedHosts),
        onRefusal: (code) => metrics.answeredProblem(code),
      })
    },
  }
}
