import { GatewayError, type InputError } from "../../domain/errors.ts"

/** The one error for an artifact that can't be served: says which part is wrong and what would be right. */
export function invalidArtifact(detail: string, errors?: readonly InputError[], cause?: unknown): GatewayError {
  return new GatewayError("config_invalid", {
    detail: `[embedded-scorer] ${detail}`,
    ...(errors === undefined ? {} : { errors }),
    ...(cause === undefined ? {} : { cause }),
  })
}
