-- Atomic: a part of one log that concerns one experiment. Everything that could refuse it is looked at first, since a script that fails half-way
-- keeps what it has written.
--
-- Rewards may be folded again and again without harm; what decisions add comes with the last part, which moves the position.
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

refusal = refuse_hours(meta, hours_key, expiry, plan.hours)
if refusal then return refusal end

local sums, fresh, answers, counted = {}, {}, {}, plan.counted

local function add(key, field, delta)
  if delta == 0 then return end
  local fields = sums[key]
  if not fields then
    fields = {}
    sums[key] = fields
  end
  local sum = (fields[field] or 0) + delta
  -- Larger sums would lose their last digits.
  if sum > 4e15 or sum < -4e15 then
    add_to_cell(KEYS[key], field, string.format('%.0f', sum))
    sum = 0
  end
  fields[field] = sum
end

local function round(x) return math.floor(x + 0.5) end

local function squared(units) return round(units * units / 1000) end

local function bin_of(delay, starts)
  local bin = 0
  while bin < #starts and delay >= starts[bin + 1] do bin = bin + 1 end
  return bin
end

local function add_reward(r, before, after, arrived_before, arrived_after)
  local bucket = plan.buckets[r.bucket]
  if before ~= after then
    counted = true
    local was, is = before or 0, after or 0
    local count_delta = (after and 1 or 0) - (before and 1 or 0)
    local square_delta = squared(is) - squared(was)
    add(r.counter, bucket .. '..0', count_delta)
    add(r.counter, bucket .. '..1', is - was)
    add(r.counter, bucket .. '..2', square_delta)
    if r.group_row > 0 then
      local field = 5 * r.group
      add(r.group_row, field, count_delta)
      add(r.group_row, field + 1, is - was)
      add(r.group_row, field + 2, square_delta)
      if r.nanos > 0 then
        add(r.group_row, field + 3, round(is * 1000000000 / r.nanos) - round(was * 1000000000 / r.nanos))
      end
    end
  end
  if r.delay > 0 and arrived_before ~= arrived_after then
    counted = true
    local starts = plan.bins[r.bins]
    if arrived_before then add(r.delay, bucket .. '.' .. bin_of(arrived_before - r.decided, starts) .. '.0', -1) end
    if arrived_after then add(r.delay, bucket .. '.' .. bin_of(arrived_after - r.decided, starts) .. '.0', 1) end
  end
end

for i = first_reward, #ARGV do
  local r = unpack_reward(ARGV[i])
  local held = redis.call('HGET', KEYS[r.key], r.field)
  local credit = decode_credit(held, r.aggregation)
  local duplicate, credit_changed, before, after, arrived_before, arrived_after = credit_step(credit, r)
  if credit_changed then redis.call('HSET', KEYS[r.key], r.field, encode_credit(credit, r.aggregation)) end
  if not held then fresh[r.key] = (fresh[r.key] or 0) + 1 end
  if r.counter > 0 then add_reward(r, before, after, arrived_before, arrived_after) end
  answers[#answers + 1] = duplicate and 'd' or 'a'
end
for key, fields in pairs(sums) do
  for field, sum in pairs(fields) do
    if sum ~= 0 then add_to_cell(KEYS[key], field, string.format('%.0f', sum)) end
  end
end
note_hours(hours_key, expiry, plan.hours, fresh)
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
return { 'folded', answered }
