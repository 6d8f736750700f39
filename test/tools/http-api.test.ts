import { execFile } from "node:child_process"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { describe, expect, it, onTestFinished } from "vitest"
import { parseConfig } from "#src/config.ts"
import { startGateway } from "#src/entry/node.ts"
import { temporaryFolder } from "../temporary-folder.ts"

const CUT = "--- 8< ---"

/** A command of the document, and the answer printed below it where there is one. */
interface Example {
  readonly command: string
  readonly answer: string | undefined
}

function pathOf(name: string): string {
  return fileURLToPath(new URL(`../../docs/${name}`, import.meta.url))
}

async function readExamples(path: string): Promise<readonly Example[]> {
  const text = await readFile(path, "utf8")
  const fences = text.matchAll(/```bash\n(.*?)```(?:\s+```json\n(.*?)```)?/gs)
  return [...fences].map(([, command = "", answer]) => ({ command, answer }))
}

async function startExample() {
  const DATA_DIR = temporaryFolder()
  const gateway = await startGateway(
    parseConfig({ PORT: "0", SHUTDOWN_DELAY_SECONDS: "0", LOG_LEVEL: "error", DATA_DIR }),
  )
  onTestFinished(() => gateway.stop())
  return gateway
}

/** The shape of an answer: members and kinds of values; what the contract names is kept. Which calls there were is by chance. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf)
  if (typeof value !== "object" || value === null) return typeof value
  if ("lastHour" in value) return Object.keys(value)
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      ["status", "type", "title", "code", "detail", "pointer", "experiment", "metric", "policy"].includes(name)
        ? member
        : shapeOf(member),
    ]),
  )
}

describe.each(["http-api.md", "experiments-api.md"])("docs/%s", (name) => {
  it("has commands that work as they stand, and answers that look like the real ones", async () => {
    const { address } = await startExample()
    const examples = await readExamples(pathOf(name))
    expect(examples.length).toBeGreaterThanOrEqual(7)
    const file = join(temporaryFolder(), "decision.json")
    const script = examples
      .map(({ command }) => `${command}\necho; echo '${CUT}'`)
      .join("\n")
      .replaceAll("http://127.0.0.1:8080", address)
      .replaceAll("/tmp/decision.json", file)
    const { stdout } = await promisify(execFile)("bash", ["-euo", "pipefail", "-c", script])
    const outputs = stdout.split(`\n${CUT}\n`)
    for (const [i, { command, answer }] of examples.entries()) {
      const printed: unknown = JSON.parse(outputs[i] ?? "")
      const expected: unknown = answer === undefined ? printed : JSON.parse(answer)
      expect([command, shapeOf(printed)]).toEqual([command, shapeOf(expected)])
    }
  })
})
