/** One object of a log that is kept elsewhere, as in a bucket. */
export interface LogObject {
  /** Its whole name; folders are separated by `/`. */
  readonly name: string
  readonly bytes: number
}

/** A part of a log that has to be fetched before it can be read. */
export interface LogObjects {
  /** What it is called where something is wrong with it. */
  readonly address: string
  /**
   * All objects, by name.
   *
   * @throws GatewayError `config_invalid` where it isn't there or may not be read, `log_unavailable` where it doesn't answer
   */
  list(signal: AbortSignal): Promise<readonly LogObject[]>
  /**
   * Writes an object to a file, over what is there. May be called again after it failed.
   *
   * @throws GatewayError as `list` does
   */
  fetch(object: LogObject, file: string, signal: AbortSignal): Promise<void>
}
