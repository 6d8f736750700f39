import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { loadModelFolder } from "#src/adapters/embedded-scorer/folder.ts"
import { TINY_MODEL, weightsBytes } from "./tiny-artifact.ts"

let modelsDir = ""

beforeEach(async () => {
  modelsDir = await mkdtemp(join(tmpdir(), "models-"))
  await writeModel("tiny", JSON.stringify(TINY_MODEL))
})

afterEach(() => rm(modelsDir, { recursive: true }))

async function writeModel(folder: string, modelJson: string | Uint8Array): Promise<void> {
  await mkdir(join(modelsDir, folder))
  await writeFile(join(modelsDir, folder, "model.json"), modelJson)
  await writeFile(join(modelsDir, folder, "weights.bin"), weightsBytes())
}

it("loads the model of a folder", async () => {
  const model = await loadModelFolder(modelsDir, "tiny")
  expect(model.model).toBe("tiny")
  expect(model.score([{ a: "x" }])).toHaveLength(1)
})

it.each(["../tiny", "a/../tiny", "..", ".", "", "/etc", "tiny/", "tiny\0", "a\\b"])(
  "refuses %j as a model's name",
  async (name) => {
    await expect(loadModelFolder(modelsDir, name)).rejects.toMatchObject({
      code: "config_invalid",
      detail: "[embedded-scorer] a model's name must be that of a folder directly inside MODELS_DIR",
    })
  },
)

it("refuses weights outside the model's folder", async () => {
  await writeModel("sly", JSON.stringify({ ...TINY_MODEL, name: "sly", weights: "../tiny/weights.bin" }))
  await expect(loadModelFolder(modelsDir, "sly")).rejects.toThrow("/weights: must be 1 to 64 of")
})

it("says which file can't be read", async () => {
  await expect(loadModelFolder(modelsDir, "absent")).rejects.toThrow(join("absent", "model.json"))
  await rm(join(modelsDir, "tiny", "weights.bin"))
  await expect(loadModelFolder(modelsDir, "tiny")).rejects.toThrow(join("tiny", "weights.bin"))
})

it("waits for no one who would write to a pipe", async () => {
  await rm(join(modelsDir, "tiny", "weights.bin"))
  execFileSync("mkfifo", [join(modelsDir, "tiny", "weights.bin")])
  await expect(loadModelFolder(modelsDir, "tiny")).rejects.toThrow(/weights\.bin \(is not a regular file\)/)
})

it("knows a model by the hash of its files", async () => {
  const files = ["model.json", "weights.bin"].map((file) => readFileSync(join(modelsDir, "tiny", file)))
  const { sha256 } = await loadModelFolder(modelsDir, "tiny")
  expect(sha256).toBe(createHash("sha256").update(Buffer.concat(files)).digest("hex"))
})

it("says that model.json is not JSON", async () => {
  await writeModel("broken", "{")
  await writeModel("latin", new Uint8Array([0x22, 0xe9, 0x22]))
  for (const name of ["broken", "latin"]) {
    await expect(loadModelFolder(modelsDir, name)).rejects.toThrow(`model ${name}: model.json is not JSON in UTF-8`)
  }
})

it("calls a model by its own name, whatever its folder's", async () => {
  await writeModel("copy", JSON.stringify(TINY_MODEL))
  expect((await loadModelFolder(modelsDir, "copy")).model).toBe("tiny")
})
