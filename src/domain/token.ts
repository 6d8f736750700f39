import { decisionTime, parseDecisionId } from "./decision-id.ts"
import type { DecisionId, ExperimentId, VariantId } from "./ids.ts"

/**
 * Decision tokens:
 * `v1.<key>.<experiment>.<revision>.<series>.<variant>.<propensity>.<group><l|h|n>.<longest window>.<decision id>.<mac>`.
 *
 * Readable on purpose, at most 200 characters, all of them safe in a URL. The propensity is the shortest decimal that reads back to the same
 * double, at most nine places, with `_` for the point. `l` marks a decision that is learned from, `h` one of a holdout, `n` any other. The issue
 * time is in the decision id; the token lives for twice the longest attribution window of the experiment's metrics, seconds. The mac is 128 bits
 * of HMAC-SHA-256 over everything before it, as 22 base64url characters, compared as text, so that only the canonical spelling passes.
 */
export interface DecisionToken {
  readonly experiment: ExperimentId
  /** At most nine digits. */
  readonly revision: number
  /** Of the variant, at most six digits. */
  readonly series: number
  readonly variant: VariantId
  /** Probability the variant was chosen with, in (0, 1]; `Choice` says what it means under each stickiness. */
  readonly propensity: number
  /** Of the unit, 0 to 63. */
  readonly group: number
  readonly learn: boolean
  readonly holdout: boolean
  readonly longestWindowSeconds: number
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

/** Longest attribution windows that a token lives: one in which rewards are counted, one in which they are logged as late. */
export const TOKEN_WINDOWS = 2

/** The longest token that can be issued. Longer texts are refused unread. */
export const MAX_TOKEN_LENGTH = 200

/** How far a token's issue time may lie ahead of our clock, milliseconds: it is a true token of an instance whose clock is ahead. */
const MAX_CLOCK_SKEW_MS = 3_600_000

/** What is the same for all tokens of one variant under one allocation: what comes before the unit's group, and what after it. */
export interface TokenFrame {
  readonly before: string
  readonly after: string
}

export function tokenFrame(
  keyId: string,
  parts: Omit<DecisionToken, "group" | "decisionId" | "issuedAt" | "expiresAt">,
): TokenFrame {
  const propensity = String(parts.propensity).replace(".", "_")
  const counted = parts.learn ? "l" : parts.holdout ? "h" : "n"
  return {
    before: `v1.${keyId}.${parts.experiment}.${parts.revision}.${parts.series}.${parts.variant}.${propensity}.`,
    after: `${counted}.${parts.longestWindowSeconds}.`,
  }
}

/** Completes a frame made for the same key. */
export function signToken(frame: TokenFrame, group: number, decisionId: DecisionId, sign: SignText): string {
  const text = `${frame.before}${group}${frame.after}${decisionId}`
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
 *          didn't sign, or signed more than an hour in the future; `token_expired` for a true one past its expiry
 */
export function verifyToken(text: string, ring: KeyRing, now: number): TokenCheck {
  if (text.length === 0 || text.length > MAX_TOKEN_LENGTH || isUnexpandedMacro(text)) return MALFORMED
  const cut = text.lastIndexOf(".")
  const signed = text.slice(0, Math.max(cut, 0))
  const fields = signed.split(".")
  if (fields.length !== 10 || fields[0] !== "v1") return INVALID
  const sign = ring.get(fields[1] as string)
  if (sign === undefined || !equalInConstantTime(text.slice(cut + 1), sign(signed))) return INVALID
  const [, , experiment, revision, series, variant, propensity = "", group = "", window, id = ""] = fields
  const decisionId = parseDecisionId(id)
  if (decisionId === undefined) return INVALID
  const issuedAt = decisionTime(decisionId)
  if (issuedAt > now + MAX_CLOCK_SKEW_MS) return INVALID
  const longestWindowSeconds = Number(window)
  const expiresAt = issuedAt + TOKEN_WINDOWS * longestWindowSeconds * 1000
  if (now > expiresAt) return EXPIRED
  return {
    ok: true,
    token: {
      experiment: experiment as ExperimentId,
      revision: Number(revision),
      series: Number(series),
      variant: variant as VariantId,
      propensity: Number(propensity.replace("_", ".")),
      group: Number(group.slice(0, -1)),
      learn: group.endsWith("l"),
      holdout: group.endsWith("h"),
      longestWindowSeconds,
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
