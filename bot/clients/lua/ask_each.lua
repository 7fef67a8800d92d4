-- Asks the same of every key. ARGV[1] lists the commands; a word that begins with '@' stands for the key and what
-- follows. Where one of a key's commands fails, there is no answer for that key: it is asked again by itself.
local commands = cjson.decode(ARGV[1])
local found = {}
for number, key in ipairs(KEYS) do
  local answers = {}
  for place, command in ipairs(commands) do
    local words = {}
    for position, word in ipairs(command) do
      words[position] = string.sub(word, 1, 1) == '@' and key .. string.sub(word, 2) or word
    end
    local answer = redis.pcall(unpack(words))
    if type(answer) == 'table' and answer.err then
      answers = false
      break
    end
    answers[place] = answer
  end
  found[number] = answers
end
return found
