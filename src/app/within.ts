export const TIMED_OUT = Symbol("timed out")

/** Waits for `work` no longer than `timeoutMs`. Work that takes longer is not stopped; what it comes to, even an error, is dropped. */
export function within<T>(work: Promise<T>, timeoutMs: number): Promise<T | typeof TIMED_OUT> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(TIMED_OUT), timeoutMs)
    const inTime =
      <Result>(settle: (result: Result) => void) =>
      (result: Result): void => {
        clearTimeout(timer)
        settle(result)
      }
    work.then(inTime(resolve), inTime(reject))
  })
}
