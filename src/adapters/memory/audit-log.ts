import { chainLine, NO_LINE, type Sha256 } from "../../domain/audit-chain.ts"
import type { AuditHead, AuditLine, AuditLog } from "../../ports/audit-log.ts"

/** Kept of a trail in memory. */
const CAPACITY = 10_000

/** The audit trail of this process only: keeps the newest lines. @param chain 16 hexadecimal digits */
export function createMemoryAuditLog(sha256: Sha256, chain = "0".repeat(16)): AuditLog {
  const lines: string[] = []
  let head: AuditHead = { chain, seq: 0, hash: NO_LINE }
  return {
    append: async (record, at) => {
      const line = chainLine(head, { at: new Date(at).toISOString(), ...record })
      head = { chain, seq: head.seq + 1, hash: sha256(line) }
      lines.push(line)
      if (lines.length > CAPACITY) lines.shift()
      return head
    },
    read: async ({ subject, actor, before, limit }) =>
      lines
        .map((line): AuditLine => JSON.parse(line))
        .filter((line) => subject === undefined || line.subject === subject)
        .filter((line) => actor === undefined || line.actor === actor)
        .filter((line) => before === undefined || line.seq < before)
        .toReversed()
        .slice(0, limit),
    close: async () => {},
  }
}
