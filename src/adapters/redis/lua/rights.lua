-- Atomic: tries commands and takes back what they did. Answers the names of those that this user may not run: what Redis says of a script that
-- lacks a right doesn't name the command.
--
-- KEYS[1] a key that nobody has otherwise; it is gone in the end   ARGV[1...] commands with their values, KEY for that key

local refused = {}
for _, text in ipairs(ARGV) do
  local words = {}
  for word in string.gmatch(text, '%S+') do words[#words + 1] = word == 'KEY' and KEYS[1] or word end
  local answer = redis.pcall(unpack(words))
  local problem = type(answer) == 'table' and answer.err or ''
  if string.find(problem, "can't run this command", 1, true) or string.find(problem, 'no permissions', 1, true) then
    refused[#refused + 1] = words[1]
  end
end
return refused
