import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { parse } from "yaml"
import * as z from "zod"
import { parseConfig, SETTING_NAMES } from "#src/config.ts"

const environment = z.record(z.string(), z.string()).default({})
const command = z.array(z.string())
const serviceSchema = z.object({
  image: z.string().optional(),
  build: z.string().optional(),
  command: command.optional(),
  environment,
  volumes: z.array(z.string()).default([]),
  read_only: z.boolean().default(false),
  stop_grace_period: z.string().optional(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z.object({ test: command }).optional(),
})
const { services, volumes } = z
  .object({ services: z.record(z.string(), serviceSchema), volumes: z.record(z.string(), z.unknown()) })
  .parse(parse(readFileSync("deploy/compose.yaml", "utf8")))

const { gateway, redis, kinesis, stream } = services
const devDependencies = z
  .object({ devDependencies: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readFileSync("package.json", "utf8"))).devDependencies

it("gives the gateway settings that it has, and the AWS SDK's own", () => {
  const names = Object.keys(gateway?.environment ?? {})
  expect(names).toContain("API_KEYS")
  expect(names.filter((name) => !name.startsWith("AWS_") && !SETTING_NAMES.includes(name))).toEqual([])
  const config = parseConfig({ ...gateway?.environment, HOST: "0.0.0.0", API_KEYS: "ads:predict:a-secret-of-eight" })
  expect(config.redis?.nodes).toEqual([{ host: "redis", port: 6379 }])
  expect(config.kinesisStream).toBe("outcomes")
})

it("leads the gateway to services that are there, by name and port", () => {
  expect(gateway?.environment["REDIS_URL"]).toBe("redis://redis:6379")
  expect(redis).toBeDefined()
  const { hostname, port } = new URL(gateway?.environment["AWS_ENDPOINT_URL_KINESIS"] ?? "")
  expect(services).toHaveProperty(hostname)
  expect(kinesis?.command?.at(-1)).toBe(port)
  expect(stream?.command).toContain(gateway?.environment["KINESIS_STREAM"])
  expect(stream?.environment["AWS_ENDPOINT_URL_KINESIS"]).toBe(gateway?.environment["AWS_ENDPOINT_URL_KINESIS"])
})

it("waits for what can be waited for", () => {
  for (const [name, { depends_on: others }] of Object.entries(services)) {
    for (const [other, { condition }] of Object.entries(others)) {
      expect([name, Object.keys(services)]).toEqual([name, expect.arrayContaining([other])])
      expect(condition === "service_healthy").toBe(services[other]?.healthcheck !== undefined)
    }
  }
})

it("keeps data in volumes that are declared, and everything else of the gateway read-only", () => {
  const named = Object.values(services).flatMap((service) => service.volumes.map((volume) => volume.split(":")[0]))
  expect(new Set(named)).toEqual(new Set(Object.keys(volumes)))
  expect(gateway?.read_only).toBe(true)
  expect(gateway?.volumes).toEqual(["gateway:/data"])
})

it("has a Redis that syncs every write and evicts nothing", () => {
  const words = redis?.command?.join(" ")
  expect(words).toContain("--appendonly yes --appendfsync always")
  expect(words).toContain("--maxmemory-policy noeviction")
})

it("starts the versions that are tested", () => {
  expect(kinesis?.command).toContain(`kinesalite@${devDependencies["kinesalite"]}`)
  expect(kinesis?.image).toBe(/^FROM (\S+)/m.exec(readFileSync("Dockerfile", "utf8"))?.[1])
})
