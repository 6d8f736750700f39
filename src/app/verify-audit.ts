import { ChainCheck, type ChainPlace, type ChainProblem, type Sha256 } from "../domain/audit-chain.ts"

/** What a check of an audit trail found. */
export interface AuditVerdict {
  readonly lines: number
  /** Where the trail ends; undefined for an empty one. */
  readonly head: ChainPlace | undefined
  /** The furthest place that was streamed; undefined where none was found, so that a cut tail can't be told. */
  readonly streamed: ChainPlace | undefined
  /** None: nothing was changed, left out, added or exchanged. */
  readonly problems: readonly ChainProblem[]
}

/**
 * Checks a whole trail.
 *
 * @param chunks its lines, in order
 * @param heads what the outcome log says of it; heads of other trails are left aside
 */
export async function verifyAudit(
  chunks: AsyncIterable<readonly string[]>,
  heads: readonly ChainPlace[],
  sha256: Sha256,
): Promise<AuditVerdict> {
  let check: ChainCheck | undefined
  let own: readonly ChainPlace[] = heads
  for await (const lines of chunks) {
    for (const line of lines) {
      if (check === undefined) {
        const chain = /"chain":"([0-9a-f]{16})"/.exec(line)?.[1]
        own = heads.filter((head) => chain === undefined || head.chain === chain)
        check = new ChainCheck(sha256, own)
      }
      check.take(line)
    }
  }
  check ??= new ChainCheck(sha256, heads)
  const head = check.end()
  const streamed = own.toSorted((a, b) => a.seq - b.seq).at(-1)
  return { lines: check.lines, head, streamed, problems: check.problems }
}
