-- Asks the same of every key. ARGV[1] lists the commands; a word that begins with '@' stands for the key and what
-- follows. Where one of a key's commands fails, there is no answer for that key: it is asked again by itself.
local commands = cjson.decode(ARGV[1])
local places = {}
for place, command in ipairs(commands) do
  for position, word in ipairs(command) do
    if string.sub(word, 1, 1) == '@' then
      table.insert(places, {place, position, string.sub(word, 2)})
    end
  end
end
local found = {}
for number, key in ipairs(KEYS) do
  for _, it in ipairs(places) do
    commands[it[1]][it[2]] = key .. it[3]
  end
  local answers = {}
  for place, command in ipairs(commands) do
    local answer = redis.pcall(unpack(command))
    if type(answer) == 'table' and answer.err then
      answers = false
      break
    end
    answers[place] = answer
  end
  found[number] = answers
end
return found
