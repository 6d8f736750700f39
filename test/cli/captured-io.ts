import type { Io } from "#src/cli/command.ts"

/** An `Io` that keeps what a command writes. */
export interface CapturedIo extends Io {
  readonly out: () => string
  readonly err: () => string
}

export function capturedIo(): CapturedIo {
  const written: string[] = []
  const complaints: string[] = []
  return {
    stdout: { write: (text) => written.push(text), columns: 100 },
    stderr: { write: (text) => complaints.push(text) },
    env: {},
    out: () => written.join(""),
    err: () => complaints.join(""),
  }
}
