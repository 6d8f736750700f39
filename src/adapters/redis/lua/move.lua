-- Atomic: fields of hashes are moved to others, where they are added, and registers of sketches to others, which rise to them. What isn't there any
-- more was moved by somebody else.
--
-- KEYS[1] meta   KEYS[2] changed   KEYS[3...] the hashes, or the sketches
-- ARGV[1] generation   ARGV[2] JSON: fields as { from key, from field, to key, to field, ... } ('' drops it), sketches as { from key, to key, ... };
-- keys by their index

local refusal = refuse_counting(KEYS[1], ARGV[1], '')
if refusal then return refusal end
local moves = cjson.decode(ARGV[2])
for i = 1, #moves.fields, 4 do
  local from, field, to, target = KEYS[moves.fields[i]], moves.fields[i + 1], KEYS[moves.fields[i + 2]], moves.fields[i + 3]
  local value = redis.call('HGET', from, field)
  if value then
    if target ~= '' then add_to_cell(to, target, value) end
    redis.call('HDEL', from, field)
  end
end
for i = 1, #moves.sketches, 2 do
  local from, to = KEYS[moves.sketches[i]], KEYS[moves.sketches[i + 1]]
  local registers = redis.call('GET', from)
  if registers then
    local pairs = {}
    for register = 0, #registers - 1 do
      local rank = string.byte(registers, register + 1)
      if rank > 0 then pairs[#pairs + 1] = string.char(math.floor(register / 256), register % 256, rank) end
    end
    raise_registers(to, table.concat(pairs))
    redis.call('DEL', from)
  end
end
note_changed(KEYS[1], KEYS[2], 3, #KEYS)
-- Those that have nothing left are no longer listed: whoever has them in memory reads everything anew.
for i = 3, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 0 then
    redis.call('ZREM', KEYS[2], KEYS[i])
    redis.call('HINCRBY', KEYS[1], 'gone', 1)
  end
end
return { 'moved' }
