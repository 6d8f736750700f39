import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { type EmbeddedModel, loadArtifact } from "./artifact.ts"
import { invalidArtifact } from "./invalid-artifact.ts"
import { NAME_PATTERN, parseModelDocument } from "./model-document.ts"

/**
 * Loads the model `<modelsDir>/<name>/model.json` and the weights file that it names, from the same folder.
 *
 * @throws GatewayError `config_invalid` when the name is not one path segment, a file can't be read, or the artifact is malformed
 */
export async function loadModelFolder(modelsDir: string, name: string): Promise<EmbeddedModel> {
  if (!NAME_PATTERN.test(name)) {
    throw invalidArtifact("a model's name must be that of a folder directly inside MODELS_DIR")
  }
  const modelJson = parseJson(await read(join(modelsDir, name, "model.json"), name), name)
  const document = parseModelDocument(modelJson)
  return loadArtifact(modelJson, await read(join(modelsDir, name, document.weights), name))
}

async function read(path: string, name: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw invalidArtifact(`model ${name}: can't read ${path}`, undefined, cause)
  }
}

function parseJson(bytes: Uint8Array, name: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes))
  } catch (cause) {
    throw invalidArtifact(`model ${name}: model.json is not JSON in UTF-8`, undefined, cause)
  }
}
