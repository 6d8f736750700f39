/** Where a command writes; a terminal has `isTTY` and `columns`. */
export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

/** What a command may use of the process. */
export interface Io {
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Readonly<Record<string, string | undefined>>
}

/** One command of the command line. */
export interface Command {
  readonly name: string
  /** One line for the list of commands. */
  readonly summary: string
  /** What `--help` prints. */
  readonly usage: string
  /** @returns the exit code: 0, 1 for the user's mistake, 2 for ours */
  run(args: readonly string[], io: Io): Promise<number>
}
