import { constants } from "node:fs"
import { open, readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { type EmbeddedModel, loadArtifact } from "./artifact.ts"
import { invalidArtifact } from "./invalid-artifact.ts"
import { NAME_PATTERN, parseModelDocument } from "./model-document.ts"

/**
 * Loads the model `<modelsDir>/<name>/model.json` and the weights file that it names, from the same folder. Its `sha256` is that of the two
 * files one after the other: `cat model.json weights.bin | sha256sum`. Its weights are in memory that all threads can share.
 *
 * @throws GatewayError `config_invalid` when the name is not one path segment, a file can't be read, or the artifact is malformed
 */
export async function loadModelFolder(modelsDir: string, name: string): Promise<EmbeddedModel> {
  requireName(name)
  const modelBytes = await read(join(modelsDir, name, "model.json"), name)
  const modelJson = parseJson(modelBytes, name)
  const weights = await read(join(modelsDir, name, parseModelDocument(modelJson).weights), name)
  const sha256 = await sha256Of([modelBytes, weights])
  return loadArtifact(modelJson, weights, sha256, (bytes) => new SharedArrayBuffer(bytes))
}

/**
 * What tells whether a model's files have changed: names, sizes and times of what is in its folder.
 *
 * @returns the same text for the same files; also for a folder that isn't there
 * @throws GatewayError `config_invalid` when the name is not one path segment
 */
export async function modelFolderMark(modelsDir: string, name: string): Promise<string> {
  requireName(name)
  const folder = join(modelsDir, name)
  try {
    const files = (await readdir(folder)).sort()
    const marks = await Promise.all(files.map(async (file) => `${file}:${await fileMark(join(folder, file))}`))
    return marks.join("\n")
  } catch (error) {
    return codeOf(error)
  }
}

async function fileMark(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return [dev, ino, size, mtimeNs, ctimeNs].join(":")
  } catch (error) {
    return codeOf(error)
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error)
}

function requireName(name: string): void {
  if (!NAME_PATTERN.test(name)) {
    throw invalidArtifact("a model's name must be that of a folder directly inside MODELS_DIR")
  }
}

/** Opens without blocking, so that a pipe is refused and not waited for. */
async function read(path: string, name: string): Promise<Uint8Array<ArrayBuffer>> {
  let why = "is not a regular file"
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      if ((await file.stat()).isFile()) return await file.readFile()
    } finally {
      await file.close()
    }
  } catch (cause) {
    why = codeOf(cause)
  }
  throw invalidArtifact(`model ${name}: can't read ${path} (${why})`)
}

async function sha256Of(files: readonly Uint8Array[]): Promise<string> {
  // In the thread pool: a model of many megabytes holds nobody up.
  return Buffer.from(await crypto.subtle.digest("SHA-256", Buffer.concat(files))).toString("hex")
}

function parseJson(bytes: Uint8Array, name: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes))
  } catch (cause) {
    throw invalidArtifact(`model ${name}: model.json is not JSON in UTF-8`, undefined, cause)
  }
}
