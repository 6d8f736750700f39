import type { LocatedSageMaker } from "../../domain/backends/target.ts"
import { GatewayError } from "../../domain/errors.ts"
import type { Clock } from "../../ports/clock.ts"
import type { ModelCalls, OutboundAnswer } from "../../ports/outbound-http.ts"
import type { CredentialSource } from "./credential-source.ts"
import { type Invocation, invocationPath } from "./invocation.ts"
import { type Credentials, RequestSigner } from "./signature.ts"

/** How invocations reach SageMaker. */
export interface Transport {
  /** @throws GatewayError as `ModelCalls.send`; `backend_failed` where there are no credentials */
  send(invocation: Invocation, timeoutMs: number): Promise<OutboundAnswer>
}

/** Signs requests here and sends them over the target's own connections. */
export function signedTransport(
  target: LocatedSageMaker,
  calls: ModelCalls,
  credentials: CredentialSource,
  clock: Clock,
): Transport {
  const { host, pathname } = new URL(target.endpointUrl)
  const signer = new RequestSigner(target.region)
  const base = pathname.replace(/\/$/, "")
  return {
    send: async ({ mode, headers, body, unsigned }, timeoutMs) => {
      const path = `${base}${invocationPath(target.endpoint, mode)}`
      const known = credentials.get()
      const given = known instanceof Promise ? await known.catch(noCredentials) : known
      const signed = signer.sign({ method: "POST", path, host, headers, body }, given, clock.now())
      return await calls.send({ method: "POST", path, headers: { ...unsigned, ...signed }, body }, timeoutMs)
    },
  }
}

function noCredentials(error: unknown): Credentials {
  throw new GatewayError("backend_failed", {
    cause: new Error("[sagemaker] there are no credentials", { cause: error }),
  })
}
