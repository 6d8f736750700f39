/** The value of a JSON text; undefined for a text that isn't JSON, which no JSON text means. */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
