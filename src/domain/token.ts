import { decisionTime, parseDecisionId } from "./decision-id.ts"
import type { DecisionId, ExperimentId, VariantId } from "./ids.ts"

/**
 * Decision tokens: `v1.<key>.<experiment>.<revision>.<variant>.<propensity>.<window><l|n>.<decision id>.<mac>`.
 *
 * Readable on purpose, at most 200 characters, all of them safe in a URL. The propensity is the shortest decimal that reads back to the same
 * double, with `_` for the point. The issue time is in the decision id; the token expires two attribution windows later. `l` marks a decision
 * that is learned from. The mac is 128 bits of HMAC-SHA-256 over everything before it, as 22 base64url characters, compared as text, so that
 * only the canonical spelling passes.
 */
export interface DecisionToken {
  readonly experiment: ExperimentId
  readonly revision: number
  readonly variant: VariantId
  /** Probability the variant was chosen with, in (0, 1]. */
  readonly propensity: number
  readonly attributionWindowSeconds: number
  readonly learn: boolean
  readonly decisionId: DecisionId
  /** Epoch milliseconds. */
  readonly issuedAt: number
  /** Epoch milliseconds: a reward after this is refused even as late. */
  readonly expiresAt: number
}

/** 22 base64url characters: the first 128 bits of HMAC-SHA-256 of the text under one key. */
export type SignText = (text: string) => string

/** Keys by id: all verify. Rotation: add the new key, sign with it, drop the old one two windows later. */
export type KeyRing = ReadonlyMap<string, SignText>

/** Attribution windows that a token lives: one in which rewards are learned, one in which they are logged as late. */
const TOKEN_WINDOWS = 2

/** The longest token that can be issued. Longer texts are refused unread. */
export const MAX_TOKEN_LENGTH = 200

/** How far a token's issue time may lie ahead of our clock, milliseconds: instances' clocks differ. */
const MAX_CLOCK_SKEW_MS = 60_000

/** The part of a token that is the same for every decision of one variant under one allocation. */
export function tokenHead(
  keyId: string,
  parts: Pick<
    DecisionToken,
    "experiment" | "revision" | "variant" | "propensity" | "attributionWindowSeconds" | "learn"
  >,
): string {
  const propensity = String(parts.propensity).replace(".", "_")
  const window = `${parts.attributionWindowSeconds}${parts.learn ? "l" : "n"}`
  return `v1.${keyId}.${parts.experiment}.${parts.revision}.${parts.variant}.${propensity}.${window}.`
}

/** Completes a head made for the same key. */
export function signToken(head: string, decisionId: DecisionId, sign: SignText): string {
  const text = head + decisionId
  return `${text}.${sign(text)}`
}

export type TokenCheck =
  | { readonly ok: true; readonly token: DecisionToken }
  | { readonly ok: false; readonly code: "token_malformed" | "token_invalid" | "token_expired" }

const INVALID: TokenCheck = { ok: false, code: "token_invalid" }
const MALFORMED: TokenCheck = { ok: false, code: "token_malformed" }
const EXPIRED: TokenCheck = { ok: false, code: "token_expired" }

/**
 * Verifies a token: mac first, in time independent of where a forgery differs; then its times.
 *
 * @param now epoch milliseconds
 * @returns `token_malformed` for no token, one longer than any we issue, or an unexpanded ad-server macro; `token_invalid` for anything that we
 *          didn't sign, or signed more than a minute in the future; `token_expired` for a true one past its expiry
 */
export function verifyToken(text: string, ring: KeyRing, now: number): TokenCheck {
  if (text.length === 0 || text.length > MAX_TOKEN_LENGTH || isUnexpandedMacro(text)) return MALFORMED
  const cut = text.lastIndexOf(".")
  const signed = text.slice(0, Math.max(cut, 0))
  const fields = signed.split(".")
  if (fields.length !== 8 || fields[0] !== "v1") return INVALID
  const sign = ring.get(fields[1] as string)
  if (sign === undefined || !equalInConstantTime(text.slice(cut + 1), sign(signed))) return INVALID
  const [, , experiment, revision, variant, propensity, window, id = ""] = fields
  const decisionId = parseDecisionId(id)
  if (decisionId === undefined) return INVALID
  const issuedAt = decisionTime(decisionId)
  if (issuedAt > now + MAX_CLOCK_SKEW_MS) return INVALID
  const attributionWindowSeconds = Number.parseInt(window as string, 10)
  const expiresAt = issuedAt + TOKEN_WINDOWS * attributionWindowSeconds * 1000
  if (now > expiresAt) return EXPIRED
  return {
    ok: true,
    token: {
      experiment: experiment as ExperimentId,
      revision: Number(revision),
      variant: variant as VariantId,
      propensity: Number((propensity as string).replace("_", ".")),
      attributionWindowSeconds,
      learn: (window as string).endsWith("l"),
      decisionId,
      issuedAt,
      expiresAt,
    },
  }
}

/** `${TOKEN}`, `%%TOKEN%%`, `{token}`, `[TOKEN]`: an ad server that sent its template instead of the value. */
export function isUnexpandedMacro(text: string): boolean {
  return /^(\$\{.*\}|%%.*%%|\{.*\}|\[.*\])$/s.test(text)
}

/** Never throws, whatever the lengths: the length of a mac is no secret. */
function equalInConstantTime(given: string, expected: string): boolean {
  if (given.length !== expected.length) return false
  let difference = 0
  for (let i = 0; i < expected.length; i++) difference |= given.charCodeAt(i) ^ expected.charCodeAt(i)
  return difference === 0
}
