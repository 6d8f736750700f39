/** Where text for people goes: a terminal. */
export interface TextOutput {
  write(text: string): unknown
}

/** Takes the logger's JSON lines and writes each as `13:05:59 WARN message  field=value`, the time in UTC. */
export function linesForPeople(output: TextOutput): { write(line: string): void; flushSync(): void } {
  return {
    write: (line) => void output.write(lineForPeople(line)),
    flushSync: () => {},
  }
}

function lineForPeople(line: string): string {
  const { level, time, message, ...fields } = JSON.parse(line) as Record<string, unknown>
  const clock = String(time).slice(11, 19)
  const urgency = level === "info" ? "" : ` ${String(level).toUpperCase()}`
  const said = Object.entries(fields).map(([name, value]) => ` ${name}=${valueForPeople(value)}`)
  return `${clock}${urgency} ${String(message)}${said.length === 0 ? "" : ` ${said.join("")}`}\n`
}

/** Text as it is, an error by its stack, anything else as JSON. */
function valueForPeople(value: unknown): string {
  if (typeof value === "string") return value
  if (typeof value === "object" && value !== null && "stack" in value) return String(value.stack)
  return JSON.stringify(value)
}
