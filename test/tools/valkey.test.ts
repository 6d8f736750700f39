import { redisStoreContracts } from "#test/contract/redis-stores.ts"
import { newerServer } from "./newer-server.ts"

redisStoreContracts("Valkey 8.1", newerServer("valkey-server"))
redisStoreContracts("Redis 8", newerServer("redis-server-8"))
