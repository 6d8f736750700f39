-- Reads: which of these postbacks would be duplicates.
--
-- KEYS[1] meta   KEYS[2...] hashes of credits
-- ARGV[1] generation   ARGV[2...] rewards

local refusal = refuse_generation(KEYS[1], ARGV[1], '')
if refusal then return refusal end
local answers = {}
for i = 2, #ARGV do
  local r = unpack_reward(ARGV[i])
  local credit = decode_credit(redis.call('HGET', KEYS[r.key], r.field), r.aggregation)
  local entry = { shorten(r.id, r.prefix), r.at, r.value }
  answers[#answers + 1] = is_known(credit, entry, r.aggregation) and 'd' or 'a'
end
return { 'seen', table.concat(answers) }
