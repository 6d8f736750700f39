import { once } from "node:events"
import { type AddressInfo, createServer } from "node:net"
import { expect, it, onTestFinished } from "vitest"
import { LOCALHOST } from "#test/adapters/redis/certificates.ts"
import { DOCUMENTED_LOGIN, makeDocumentedUser } from "#test/adapters/redis/documented-user.ts"
import { freePort, startCluster, startRedis, startWatched, tlsSettings } from "#test/adapters/redis/redis-servers.ts"
import { GatewayProcess } from "#test/crash/gateway-process.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

const SETTINGS = { SIGNING_KEYS: `k1:${"A".repeat(43)}`, UNIT_KEY: "B".repeat(43), SHUTDOWN_DELAY_SECONDS: "0" }
const BODY = { experiment: "clicks", unitId: "u1", features: { hour: "14102100", banner_pos: "0" } }

async function post(url: string, body: unknown) {
  const headers = { "content-type": "application/json" }
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) })
  return { status: response.status, body: (await response.json()) as Readonly<Record<string, unknown>> }
}

const POLL = { timeout: 30_000, interval: 250 }

/** A gateway over a Redis, and what became of a reward. @param trusted settings that say whom it trusts beside those that Node knows */
async function started(url: string, trusted: Readonly<Record<string, string>>) {
  const gateway = await GatewayProcess.start(temporaryFolder(), { ...SETTINGS, ...trusted, REDIS_URL: url })
  const decide = async () => {
    const { status, body } = await post(`${gateway.address}/predict`, BODY)
    expect(status).toBe(200)
    return body["decision"]
  }
  const reward = async (decision: unknown) => {
    const { body } = await post(`${gateway.address}/reward`, { decision, value: 1 })
    return body["status"]
  }
  return {
    reward: await reward(await decide()),
    decide,
    rewardFor: reward,
    redis: async () => {
      const response = await fetch(`${gateway.address}/readyz`)
      return ((await response.json()) as { parts: Readonly<Record<string, unknown>> }).parts["redis"]
    },
    rewards: async () => {
      const response = await fetch(`${gateway.address}/admin/experiments/clicks/stats`)
      const { variants = [] } = (await response.json()) as { variants?: { rewards: number }[] }
      return variants.reduce((sum, { rewards }) => sum + rewards, 0)
    },
  }
}

const TRUSTED = { NODE_EXTRA_CA_CERTS: LOCALHOST.authorityFile }

async function securedServer() {
  const tlsPort = await freePort()
  const server = await startRedis(["appendonly yes", ...tlsSettings(tlsPort, LOCALHOST)])
  onTestFinished(() => server.stop())
  await makeDocumentedUser(server)
  return `${DOCUMENTED_LOGIN}@localhost:${tlsPort}`
}

async function securedCluster() {
  const cluster = await startCluster(3, LOCALHOST)
  onTestFinished(() => cluster.stop())
  for (const master of cluster.masters) await makeDocumentedUser(master)
  return `${DOCUMENTED_LOGIN}@${cluster.masters.map(({ clientPort }) => `localhost:${clientPort}`).join(",")}`
}

/** What docs/redis.md says that a sentinel needs. */
const SENTINEL_NAMES = ["sentinel resolve-hostnames yes", "sentinel announce-hostnames yes"]

async function securedSentinel(names: readonly string[]) {
  const watched = await startWatched(["appendonly yes"], LOCALHOST, names)
  onTestFinished(() => watched.stop())
  for (const server of [watched.master, watched.replica]) await makeDocumentedUser(server)
  const [node] = watched.address.nodes
  return { ...watched, url: `rediss+sentinel://${DOCUMENTED_LOGIN}@${node?.host}:${node?.port}/counters` }
}

/** Of a server that answers whatever it is sent without TLS. */
async function plainServer() {
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy())
    socket.on("data", () => socket.end("-ERR Protocol error\r\n"))
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  onTestFinished(() => void server.close())
  return `localhost:${(server.address() as AddressInfo).port}`
}

it.each([
  ["one server", async () => `rediss://${await securedServer()}`],
  ["a cluster whose certificates are for names", async () => `rediss+cluster://${await securedCluster()}`],
])("counts over TLS in %s, of an authority that NODE_EXTRA_CA_CERTS names", async (_, urlOf) => {
  const gateway = await started(await urlOf(), TRUSTED)
  await expect.poll(gateway.redis, POLL).toMatchObject({ detail: expect.not.stringContaining("reached") })
  await expect.poll(gateway.rewards, POLL).toBe(1)
})

it("counts over TLS in the master that a sentinel names, and in the one that it promotes", async () => {
  const { url, master, replica } = await securedSentinel(SENTINEL_NAMES)
  const gateway = await started(url, TRUSTED)
  await expect.poll(gateway.rewards, POLL).toBe(1)
  master.signal("SIGKILL")
  await expect.poll(() => replica.admin.info("replication"), POLL).toContain("role:master")
  const decision = await gateway.decide()
  await expect.poll(() => gateway.rewardFor(decision), POLL).toBe("duplicate")
  await expect.poll(gateway.rewards, POLL).toBe(2)
})

it.each([
  [
    "a server whose authority isn't trusted",
    async () => `rediss://${await securedServer()}`,
    {},
    /certificate.*: name the file .* in NODE_EXTRA_CA_CERTS/,
  ],
  [
    "a cluster whose authority isn't trusted",
    async () => `rediss+cluster://${await securedCluster()}`,
    {},
    /certificate.*: name the file .* in NODE_EXTRA_CA_CERTS/,
  ],
  [
    "a name that the certificate isn't for",
    async () => `rediss://${(await securedServer()).replace("localhost", "127.0.0.1")}`,
    TRUSTED,
    /: REDIS_URL, sentinels and nodes of a cluster have to name hosts as their certificates do/,
  ],
  [
    "a master that a sentinel names by its address",
    async () => (await securedSentinel([])).url,
    TRUSTED,
    /: REDIS_URL, sentinels and nodes of a cluster have to name hosts as their certificates do/,
  ],
  [
    "a port without TLS",
    async () => `rediss://${await plainServer()}`,
    TRUSTED,
    /: REDIS_URL says TLS \(rediss\), and this port doesn't speak it/,
  ],
  [
    "a port that takes TLS alone",
    async () => `redis://${await securedServer()}`,
    {},
    /: a port that takes TLS alone needs rediss in REDIS_URL/,
  ],
  [
    "a wrong password",
    async () => `rediss://${(await securedServer()).replace("secret", "word")}`,
    TRUSTED,
    /WRONGPASS.*: user or password in REDIS_URL is wrong/,
  ],
])(
  "serves and takes rewards at %s, and says what is wrong and what would be right",
  async (_, urlOf, trusted, said) => {
    const gateway = await started(await urlOf(), trusted)
    expect(gateway.reward).toBe("accepted")
    await expect.poll(gateway.redis, POLL).toMatchObject({
      ready: false,
      detail: expect.stringMatching(new RegExp(`Redis can't be reached: .*${said.source}`)),
    })
  },
)
