-- Atomic: a revision is appended where the one that it replaces is still the newest.
--
-- KEYS[1] newest (hash): experiment -> revision   KEYS[2] revisions (hash) of the experiment: number -> JSON
-- ARGV[1] experiment   ARGV[2] revision that it replaces, 0 for none   ARGV[3] its number   ARGV[4] the revision as JSON

local newest = redis.call('HGET', KEYS[1], ARGV[1]) or '0'
if newest ~= ARGV[2] then return { 'conflict', newest } end
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return { 'appended' }
