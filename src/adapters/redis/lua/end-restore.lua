-- Atomic: a checkpoint is there as a whole. Logs stand where it has them; nothing is folded until their credits are back, or have been waited for.
--
-- KEYS[1] meta   KEYS[2] logs   KEYS[3] owed
-- ARGV[1] generation   ARGV[2] time of the checkpoint, milliseconds; '': now   ARGV[3] its version   ARGV[4] epoch seconds up to which tokens
-- were forgotten   ARGV[5] epoch seconds since when decisions have credits   ARGV[6] how long credits are waited for, milliseconds; 0: they aren't
-- ARGV[7...] log and position, one after the other

local refusal = refuse_generation(KEYS[1], ARGV[1], '')
if refusal then return refusal end
local now, wait = now_ms(), tonumber(ARGV[6])
for i = 7, #ARGV, 2 do
  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1] .. '\n0\n')
  if wait > 0 then redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1]) end
end
local known = redis.call('HMGET', KEYS[1], 'version', 'since', 'purged')
local since = ARGV[2] == '' and now or math.max(tonumber(ARGV[2]), tonumber(known[2] or 0))
redis.call('HSET', KEYS[1], 'since', string.format('%.0f', since), 'version', math.max(tonumber(ARGV[3]), tonumber(known[1] or 0)) + 1,
  'credited', ARGV[5], 'purged', string.format('%.0f', math.max(tonumber(ARGV[4]), tonumber(known[3] or 0))))
redis.call('HDEL', KEYS[1], 'filling', 'closed')
redis.call('HINCRBY', KEYS[1], 'gone', 1)
if wait > 0 then
  local until_then = string.format('%.0f', now + wait)
  redis.call('HSET', KEYS[1], 'closed', until_then, 'awaited', until_then, 'lost', 1)
end
return { 'restored' }
