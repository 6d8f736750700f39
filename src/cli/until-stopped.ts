const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const

/** Runs with a signal that Ctrl-C gives, so that what was begun is also ended. */
export async function untilStopped(action: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const stopper = new AbortController()
  const stop = () => stopper.abort()
  for (const name of SIGNALS) process.on(name, stop)
  try {
    return await action(stopper.signal)
  } finally {
    for (const name of SIGNALS) process.off(name, stop)
  }
}
