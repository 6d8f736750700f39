import { open, readFile } from "node:fs/promises"

/** The text of a file that is made once, readable by its owner alone, and kept ever after. */
export async function keptText(path: string, make: () => string): Promise<string> {
  return (await readIfThere(path)) ?? (await create(path, make()))
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw error
  }
}

/** Makes the file, and fails where there is one: of two gateways that start at once, neither may overwrite what the other already uses. */
async function create(path: string, text: string): Promise<string> {
  const file = await open(path, "wx", 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  return text
}
