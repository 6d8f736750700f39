-- Atomic: a gateway says how far logs were folded in counters that it knew. Where these here lack something of that, they are said to have been
-- lost: nothing is folded for a moment, so that a checkpoint can be restored, and no statistics are given until the logs have come as far again.
--
-- KEYS[1] meta   KEYS[2] logs   KEYS[3] missing (hash): log -> position that it has to reach
-- ARGV[1] mark of new counters   ARGV[2] the mark of counters that become others where they lack something, '' for none
-- ARGV[3] how long a checkpoint is waited for   ARGV[4] how long logs are (both in milliseconds)
-- ARGV[5...] log and position, one after the other

redis.call('HSETNX', KEYS[1], 'generation', ARGV[1])
local lacks, is_new = false, false
for i = 5, #ARGV, 2 do
  local log, position = ARGV[i], ARGV[i + 1]
  if stands_before(redis.call('HGET', KEYS[2], log), position) then
    lacks = true
    if stands_before(redis.call('HGET', KEYS[3], log), position) then
      redis.call('HSET', KEYS[3], log, position)
      is_new = true
    end
  end
end
local become_others = lacks and redis.call('HGET', KEYS[1], 'generation') == ARGV[2]
if become_others then redis.call('HSET', KEYS[1], 'generation', ARGV[1]) end
local is_first = lacks and redis.call('HSETNX', KEYS[1], 'lost', 1) == 1 or become_others
if is_first or is_new then
  local now = now_ms()
  -- Older data may say that logs were waited for in vain before.
  local awaited = math.max(tonumber(redis.call('HGET', KEYS[1], 'awaited') or 0), now + ARGV[4])
  redis.call('HSET', KEYS[1], 'awaited', string.format('%.0f', awaited))
  -- Counters that were reset on purpose, or restored, have a time: no checkpoint of before is wanted.
  if is_first and (become_others or redis.call('HEXISTS', KEYS[1], 'since') == 0) then
    redis.call('HSET', KEYS[1], 'closed', string.format('%.0f', now + ARGV[3]))
  end
end
return { redis.call('HGET', KEYS[1], 'generation'), lacks and 1 or 0 }
