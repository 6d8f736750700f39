-- Atomic: the credits of a log are back, up to where the restored counters have it.
--
-- KEYS[1] meta   KEYS[2] owed
-- ARGV[1] generation   ARGV[2] log   ARGV[3] position up to which they were brought back

local refusal = refuse_generation(KEYS[1], ARGV[1], '')
if refusal then return refusal end
if redis.call('HGET', KEYS[2], ARGV[2]) == ARGV[3] then redis.call('HDEL', KEYS[2], ARGV[2]) end
if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('HDEL', KEYS[1], 'closed') end
return { 'settled' }
