import type { RedisClient } from "#src/adapters/redis/connection.ts"

/** A client by which something happens once, right before it sends the commands of its n-th `pipeline` or `multi`. @param nth from 1 */
export function happensBefore(
  client: RedisClient,
  how: "pipeline" | "multi",
  nth: number,
  happens: () => Promise<unknown>,
): RedisClient {
  let sent = 0
  const gather = () => {
    const step = client[how]()
    const exec = step.exec.bind(step)
    step.exec = async () => {
      sent += 1
      if (sent === nth) await happens()
      return await exec()
    }
    return step
  }
  return Object.create(client, { [how]: { value: gather } }) as RedisClient
}
