/** One instance to score: feature name to value. A Map-like plain record without prototype keys. */
export type Features = Readonly<Record<string, string | number | boolean>>

/** Something that answers predictions for one variant. */
export interface ModelEndpoint {
  /** Name of the model that answers, for the response and the log. */
  readonly model: string
  /** SHA-256 of the model's files, in hex; undefined where they are somewhere else. */
  readonly sha256?: string | undefined
  /** Whether a network lies between: only then is a deadline armed. A local one answers synchronously. */
  readonly remote: boolean
  /**
   * Scores 1 to 256 instances in order.
   *
   * An in-process scorer answers synchronously; a remote one returns a promise and honours `signal`.
   *
   * @returns one number per instance
   * @throws GatewayError `features_invalid` when an instance can't be scored by anyone's model (the caller's mistake),
   *         `backend_failed` when the model failed
   */
  predict(instances: readonly Features[], signal: AbortSignal | undefined): number[] | Promise<number[]>
}
