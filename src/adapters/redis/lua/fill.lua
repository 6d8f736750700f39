-- Atomic: a piece of a checkpoint is put where nothing is counted.
--
-- KEYS[1] meta   KEYS[2] changed   KEYS[3...] hashes and sketches
-- ARGV[1] generation   ARGV[2...] of each key the number of its fields, and each with its value; or 0 and the registers of a sketch

local refusal = refuse_generation(KEYS[1], ARGV[1], '')
if refusal then return refusal end
local at = 2
for i = 3, #KEYS do
  local fields = tonumber(ARGV[at])
  if fields == 0 then redis.call('SET', KEYS[i], ARGV[at + 1])
  else
    for field = 1, fields do redis.call('HSET', KEYS[i], ARGV[at + 2 * field - 1], ARGV[at + 2 * field]) end
  end
  at = at + math.max(2, 2 * fields + 1)
  redis.call('ZADD', KEYS[2], 1, KEYS[i])
end
redis.call('HSET', KEYS[1], 'filling', string.format('%.0f', now_ms()))
return { 'filled' }
