/** Something that somebody did, or was refused. */
export interface AuditRecord {
  /** Who: the name of a key, `experiments-folder`, `schedule`. */
  readonly actor: string
  /** What: `experiment.publish`, `key.create`, `key.revoke`. */
  readonly action: string
  /** To what: the id of an experiment or of a key. */
  readonly subject: string
  /**
   * `done`: written before the change acts. `failed`: the change that the line before it tells of did not come about. `refused`: nothing was
   * attempted.
   */
  readonly outcome: "done" | "failed" | "refused"
  /** Of the experiment, after the change. Orders changes that several gateways made. */
  readonly revision?: number
  /** What is different, one line a place. */
  readonly diff?: readonly string[]
  /** What the actor said about it. */
  readonly reason?: string
  /** Why it failed or was refused: the code of a problem. */
  readonly code?: string
}

/** A record in its place. */
export interface AuditLine extends AuditRecord {
  /** SHA-256 of the line before, in hex; zeros in the first. */
  readonly prev: string
  /** From 1, without gaps. */
  readonly seq: number
  /** Id of this trail: each data folder has its own. */
  readonly chain: string
  /** ISO 8601, UTC, milliseconds. */
  readonly at: string
}

/** Where a trail ends. */
export interface AuditHead {
  readonly chain: string
  /** 0 where nothing was recorded yet. */
  readonly seq: number
  /** SHA-256 of the last line, in hex. */
  readonly hash: string
}

/** Which lines of a trail are wanted. */
export interface AuditQuery {
  readonly subject?: string
  readonly actor?: string
  /** Only lines before this one. */
  readonly before?: number
  readonly limit: number
}

/** What was done and refused, in order. Only ever appended to: each line carries the hash of the one before, so that no change goes unseen. */
export interface AuditLog {
  /**
   * Appends a record; durable when it settles.
   *
   * @param at epoch milliseconds
   * @throws GatewayError `audit_unavailable`, retryable, when it can't be written: nothing was recorded
   */
  append(record: AuditRecord, at: number): Promise<AuditHead>
  /** The newest lines that fit, newest first. @throws GatewayError `audit_unavailable` */
  read(query: AuditQuery): Promise<readonly AuditLine[]>
  /** Writes what is under way and closes. */
  close(): Promise<void>
}
