import { execFileSync } from "node:child_process"
import { closeSync, openSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { createNodeDisk } from "#src/adapters/ndjson/disk.ts"
import { temporaryFolder } from "../../temporary-folder.ts"

it("writes on the event loop while the device is quick: the bytes are there before the call returns", async () => {
  const path = join(temporaryFolder(), "file")
  const disk = createNodeDisk()
  const file = await disk.open(path, "wx+")
  const written = disk.write(file, Buffer.from("one line\n"), 0, 0)
  expect(readFileSync(path, "utf8")).toBe("one line\n")
  expect(await written).toBe(9)
  await disk.close(file)
})

it("writes on the event loop again soon after a single slow write", async () => {
  const path = join(temporaryFolder(), "file")
  const clock = { nowMs: 0 }
  const times = [0, 6]
  const disk = createNodeDisk(() => times.shift() ?? clock.nowMs)
  const file = await disk.open(path, "wx+")
  expect(disk.writeNow(file, Buffer.from("slow\n"), 0, 0)).toBe(5)
  clock.nowMs = 105
  expect(disk.writeNow(file, Buffer.from("not yet\n"), 0, 5)).toBeUndefined()
  clock.nowMs = 106
  expect(disk.writeNow(file, Buffer.from("quick\n"), 0, 5)).toBe(6)
  expect(readFileSync(path, "utf8")).toBe("slow\nquick\n")
  await disk.close(file)
})

it("keeps a device that was slow off the event loop", async () => {
  const path = join(temporaryFolder(), "pipe")
  execFileSync("mkfifo", [path])
  // A pipe that is read late is a device that takes its time: its buffer of 64 KiB fills, and the write waits for the reader.
  const reader = openSync(path, "r+")
  const disk = createNodeDisk()
  const file = await disk.open(path, "r+")
  execFileSync("sh", ["-c", `(sleep 0.05; head -c 100000 > /dev/null) < ${path} &`], { stdio: "ignore" })
  expect(await disk.write(file, Buffer.alloc(100_000), 0, -1)).toBe(100_000)
  const next = disk.write(file, Buffer.alloc(10), 0, -1)
  // On the event loop the write would be over before the next few microtasks are.
  const microtasks = async () => {
    for (let i = 0; i < 10; i++) await Promise.resolve()
    return "not written yet"
  }
  expect(await Promise.race([next, microtasks()])).toBe("not written yet")
  expect(await next).toBe(10)
  await disk.close(file)
  closeSync(reader)
})
