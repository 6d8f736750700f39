import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose"
import { GatewayError } from "../../domain/errors.ts"
import type { Clock } from "../../ports/clock.ts"
import type { UserTokens } from "../../ports/user-tokens.ts"

/** Which tokens are for this gateway, and where in them a user's roles are. */
export interface IdentityProvider {
  readonly issuer: string
  readonly audience: string
  readonly roleClaim: string
}

/** Signatures that only the provider can make: with a shared secret whoever can check a token could make one. */
const ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
const CLOCK_TOLERANCE_SECONDS = 60
const ANSWER_WITHIN_MS = 5_000
/** So long a provider that didn't answer is left alone: anybody can send something that looks like a token. */
const ASK_AGAIN_AFTER_MS = 5_000
const MAX_NAME_LENGTH = 128

/** Users' tokens by OpenID Connect: JSON web tokens, checked with the keys that the provider publishes. */
export function createUserTokens(provider: IdentityProvider, clock: Clock): UserTokens {
  const keys = createProviderKeys(provider.issuer, clock)
  const { issuer, audience, roleClaim } = provider
  return {
    verify: async (token) => {
      try {
        const { payload } = await jwtVerify(token, keys, {
          issuer,
          audience,
          algorithms: ALGORITHMS,
          clockTolerance: CLOCK_TOLERANCE_SECONDS,
          requiredClaims: ["exp", "sub"],
          currentDate: new Date(clock.now()),
        })
        return { name: nameOf(payload), roles: rolesIn(payload, roleClaim) }
      } catch (error) {
        if (error instanceof errors.JOSEError) return undefined
        throw error
      }
    },
  }
}

/** The provider's keys: looked for when they are first needed, kept by jose, and asked for again where a token names one that isn't among them. */
function createProviderKeys(issuer: string, clock: Clock): JWTVerifyGetKey {
  let found: Promise<JWTVerifyGetKey> | undefined
  let failedAtMs = Number.NEGATIVE_INFINITY

  const find = async (): Promise<JWTVerifyGetKey> => {
    try {
      const address = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`
      const answer = await fetch(address, { redirect: "error", signal: AbortSignal.timeout(ANSWER_WITHIN_MS) })
      const document: unknown = await answer.json()
      const keysAt = keysAddress(document, issuer)
      return createRemoteJWKSet(keysAt, { timeoutDuration: ANSWER_WITHIN_MS })
    } catch (error) {
      failedAtMs = clock.monotonicMs()
      found = undefined
      throw error
    }
  }

  return async (header, token) => {
    try {
      if (found === undefined && clock.monotonicMs() - failedAtMs < ASK_AGAIN_AFTER_MS) {
        throw new Error("asked a moment ago")
      }
      found ??= find()
      const keyOf = await found
      return await keyOf(header, token)
    } catch (cause) {
      // Those are about the token; anything else is about the provider.
      if (cause instanceof errors.JWKSNoMatchingKey || cause instanceof errors.JWKSMultipleMatchingKeys) throw cause
      throw new GatewayError("identity_unavailable", {
        detail: "The identity provider of OIDC_ISSUER can't be asked for its keys now.",
        cause,
      })
    }
  }
}

/** Where a provider says that its keys are. @throws Error where the document isn't one of this issuer */
function keysAddress(document: unknown, issuer: string): URL {
  const { issuer: named, jwks_uri: address } = (document ?? {}) as Record<string, unknown>
  if (named !== issuer || typeof address !== "string") throw new Error(`no OpenID configuration of ${issuer}`)
  const url = new URL(address)
  if (url.protocol !== new URL(issuer).protocol) throw new Error("the keys are not where the issuer's protocol leads")
  return url
}

/** A verified address where there is one, since it says more to people; else the subject, which is unique. Never the name of a key, which has no colon. */
function nameOf({ sub = "", email, email_verified: verified }: JWTPayload): string {
  const name = typeof email === "string" && verified === true ? email : sub
  return `user:${name.replaceAll(/[^\x21-\x7e]/g, "?").slice(0, MAX_NAME_LENGTH)}`
}

/** A claim by its name or, where there is none of that name, by the path to it. */
function rolesIn(payload: JWTPayload, claim: string): readonly string[] {
  let value: unknown = payload[claim]
  if (value === undefined) {
    value = payload
    for (const step of claim.split(".")) {
      value =
        typeof value === "object" && value !== null && Object.hasOwn(value, step) ? Reflect.get(value, step) : undefined
    }
  }
  const roles: readonly unknown[] = Array.isArray(value) ? value : [value]
  return roles.filter((role) => typeof role === "string")
}
