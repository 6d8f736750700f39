-- Atomic: says that credits of tokens that died before a time are about to go: rewards of theirs are refused from now on.
--
-- KEYS[1] meta
-- ARGV[1] generation   ARGV[2] epoch seconds

local refusal = refuse_counting(KEYS[1], ARGV[1], '')
if refusal then return refusal end
local purged = tonumber(redis.call('HGET', KEYS[1], 'purged') or 0)
if tonumber(ARGV[2]) > purged then redis.call('HSET', KEYS[1], 'purged', ARGV[2]) end
return { 'purged' }
