-- Atomic: the first of the additions that are due is made and is due no more. A gateway that ends between two of them leaves the rest to any other.
--
-- KEYS[1] meta   KEYS[2] changed   KEYS[3] due   KEYS[4...] the hashes and sketches that it adds to
-- ARGV[1] generation   ARGV[2] the additions, as they were read

local refusal = refuse_counting(KEYS[1], ARGV[1], '')
if refusal then return refusal end
if redis.call('LINDEX', KEYS[3], 0) ~= ARGV[2] then return { 'elsewhere' } end
redis.call('LPOP', KEYS[3])
local keys = {}
for i = 4, #KEYS do keys[i - 3] = KEYS[i] end
add_all(cjson.decode(ARGV[2]), keys)
note_changed(KEYS[1], KEYS[2], 4, #KEYS)
redis.call('HINCRBY', KEYS[1], 'version', 1)
return { 'applied' }
