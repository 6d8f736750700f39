import type { AuditTrail } from "../../app/audit-trail.ts"
import { jsonAnswer } from "../call.ts"
import { MAX_PAGE } from "../contract/history-operations.ts"
import { MAX_COUNT } from "../contract/operation.ts"
import type { OperationHandler } from "../operation-handler.ts"
import { Query } from "../query.ts"

export interface AuditRouteDeps {
  readonly audit: Pick<AuditTrail, "read" | "note">
}

const PAGE = 100

/** `GET /admin/audit`: newest first. */
export function auditRoute({ audit }: AuditRouteDeps): OperationHandler {
  return async (call) => {
    const query = new Query(call, ["subject", "actor", "limit", "cursor"])
    const limit = query.count("limit", 1, MAX_PAGE) ?? PAGE
    const subject = query.text("subject")
    const actor = query.text("actor")
    const before = query.count("cursor", 1, MAX_COUNT)
    const lines = await audit.read({
      ...(subject === undefined ? {} : { subject }),
      ...(actor === undefined ? {} : { actor }),
      ...(before === undefined ? {} : { before }),
      limit: limit + 1,
    })
    const page = lines.slice(0, limit)
    const last = page.at(-1)
    return jsonAnswer({
      lines: page,
      ...(lines.length > limit && last !== undefined ? { nextCursor: String(last.seq) } : {}),
    })
  }
}
