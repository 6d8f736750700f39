-- Atomic: a part of one log that concerns one experiment. Everything that could refuse it is looked at first, since a script that fails half-way
-- keeps what it has written.
--
-- Rewards may be folded again and again without harm; what decisions add comes with the last part, which moves the position. Answers: a letter for
-- each reward, and how many were dropped because nobody could tell whether they are repeated.
--
-- KEYS[1] meta (hash): generation, version, changes, purged   KEYS[2] logs (hash): log -> position and answers
-- KEYS[3] changed (sorted set): key -> number of its last change   KEYS[4] hours (hash): metric and hour -> buckets
-- KEYS[5] expiry (sorted set): metric and hour -> epoch seconds    KEYS[6] due (list): additions that are still to be made
-- KEYS[7...] hashes of counters and group rows, and sketches; then hashes of credits
-- ARGV[1] generation   ARGV[2] generation of new counters   ARGV[3] log   ARGV[4] from, '' for none   ARGV[5] end
-- ARGV[6] rewards of the whole batch   ARGV[7] rewards of the parts before   ARGV[8] 1 in the last part
-- ARGV[9] JSON: last key of a counter, hours, bins of delays, buckets, whether decisions count, additions, how many values of due follow
-- ARGV[10...] additions that are due, as JSON; then rewards

local meta, logs, changed, hours_key, expiry, due = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local log, from, stop, total, offset = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local is_last = ARGV[8] == '1'
local plan = cjson.decode(ARGV[9])
local first_reward = 10 + plan.due

local refusal = refuse_counting(meta, ARGV[1], ARGV[2])
if refusal then return refusal end

-- What is kept of a log: position, number of rewards and their answers, each on a line. Of a batch in parts, the same under a longer name.
local function kept(name)
  local text = redis.call('HGET', logs, name)
  if not text then return nil end
  local position, rewards, answers = string.match(text, '^([^\n]*)\n(%d+)\n(%a*)$')
  return { position = position, total = tonumber(rewards), answers = answers }
end

local count = #ARGV - first_reward + 1
local stand = kept(log)
local position = stand and stand.position or ''
for _, before in ipairs({ stand or false, kept(log .. '\n') or false }) do
  if before and before.position == stop and before.total == total and #before.answers >= offset + count
    and (is_last == false or before == stand) then
    return { 'folded', string.sub(before.answers, offset + 1, offset + count) }
  end
end
if position == stop or position ~= from then return { 'elsewhere', position } end

local gone = {}
refusal = refuse_hours(meta, hours_key, expiry, plan.hours, gone)
if refusal then return refusal end

local fresh, answers, counted, dropped = {}, {}, plan.counted, 0
-- What rewards add: by counter and bucket, by group row and group (indexes that are put together), and delays by key and field.
local by_bucket, by_group, delays = {}, {}, {}
local MOST = 65536

local function sums_in(sums, name)
  local known = sums[name]
  if known then return known end
  local fresh_sums = { 0, 0, 0, 0 }
  sums[name] = fresh_sums
  return fresh_sums
end

local function text(sum) return string.format('%.0f', sum) end

local function round(x) return math.floor(x + 0.5) end

local function squared(units) return round(units * units / 1000) end

local function bin_of(delay, starts)
  local bin = 0
  while bin < #starts and delay >= starts[bin + 1] do bin = bin + 1 end
  return bin
end

local function add_delay(key, bucket, bin, delta)
  local fields = delays[key]
  if not fields then
    fields = {}
    delays[key] = fields
  end
  local field = bucket .. '.' .. bin .. '.0'
  fields[field] = (fields[field] or 0) + delta
end

-- @param weighted what the value adds to the sum that is weighted by the propensity
local function add_sums(sums, count, sum, square, weighted)
  sums[1], sums[2], sums[3], sums[4] = sums[1] + count, sums[2] + sum, sums[3] + square, sums[4] + weighted
end

local function add_reward(packed, before, after, arrived_before, arrived_after)
  local _, _, _, _, _, counter, bucket, group_row, group, nanos, delay, decided, bins = struct.unpack(REWARD, packed)
  if counter == 0 then return end
  if before ~= after then
    counted = true
    local was, is = before or 0, after or 0
    local count, sum, square = (after and 1 or 0) - (before and 1 or 0), is - was, squared(is) - squared(was)
    add_sums(sums_in(by_bucket, counter * MOST + bucket), count, sum, square, 0)
    if group_row > 0 then
      local sums = sums_in(by_group, group_row * MOST + group)
      local weighted = nanos > 0 and round(is * 1000000000 / nanos) - round(was * 1000000000 / nanos) or 0
      add_sums(sums, count, sum, square, weighted)
      -- Larger sums would lose their last digits; the others can't grow that large in one script.
      if sums[4] > 4e15 or sums[4] < -4e15 then
        add_to_cell(KEYS[group_row], 5 * group + 3, text(sums[4]))
        sums[4] = 0
      end
    end
  end
  if delay > 0 and arrived_before ~= arrived_after then
    counted = true
    local starts = plan.bins[bins]
    if arrived_before then add_delay(delay, plan.buckets[bucket], bin_of(arrived_before - decided, starts), -1) end
    if arrived_after then add_delay(delay, plan.buckets[bucket], bin_of(arrived_after - decided, starts), 1) end
  end
end

for i = first_reward, #ARGV do
  local packed = ARGV[i]
  local key, is_new, duplicate, before, after, arrived_before, arrived_after = fold_credit(packed, gone)
  if gone[key] then dropped = dropped + 1 end
  if is_new then fresh[key] = (fresh[key] or 0) + 1 end
  if before ~= after or arrived_before ~= arrived_after then add_reward(packed, before, after, arrived_before, arrived_after) end
  answers[#answers + 1] = duplicate and 'd' or 'a'
end
for name, sums in pairs(by_bucket) do
  local key, bucket = KEYS[math.floor(name / MOST)], plan.buckets[name % MOST]
  for sum = 1, 3 do
    if sums[sum] ~= 0 then add_to_cell(key, bucket .. '..' .. (sum - 1), text(sums[sum])) end
  end
end
for name, sums in pairs(by_group) do
  local key, group = KEYS[math.floor(name / MOST)], name % MOST
  for sum = 1, 4 do
    if sums[sum] ~= 0 then add_to_cell(key, 5 * group + sum - 1, text(sums[sum])) end
  end
end
for key, fields in pairs(delays) do
  for field, count in pairs(fields) do
    if count ~= 0 then add_to_cell(KEYS[key], field, count) end
  end
end
note_hours(hours_key, expiry, plan.hours, fresh, gone)
add_all(plan.additions, KEYS)
for i = 10, first_reward - 1 do redis.call('RPUSH', due, ARGV[i]) end
note_changed(meta, changed, 7, plan.last)
if counted then redis.call('HINCRBY', meta, 'version', 1) end

local answered = table.concat(answers)
local part = kept(log .. '\n')
local all = answered
if offset > 0 and part and part.position == stop and part.total == total then
  all = string.sub(part.answers, 1, offset) .. answered
end
if is_last then
  redis.call('HSET', logs, log, stop .. '\n' .. total .. '\n' .. all)
  redis.call('HDEL', logs, log .. '\n')
else
  redis.call('HSET', logs, log .. '\n', stop .. '\n' .. total .. '\n' .. all)
end
return { 'folded', answered, dropped }
