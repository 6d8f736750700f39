-- Atomic: keys of counters that give way to a checkpoint are deleted.
--
-- KEYS[1] meta   KEYS[2...] the keys
-- ARGV[1] generation

local refusal = refuse_generation(KEYS[1], ARGV[1], '')
if refusal then return refusal end
for i = 2, #KEYS do redis.call('UNLINK', KEYS[i]) end
redis.call('HSET', KEYS[1], 'filling', string.format('%.0f', now_ms()))
return { 'dropped' }
