import { redisStoreContracts } from "./redis-stores.ts"

redisStoreContracts("Redis")
