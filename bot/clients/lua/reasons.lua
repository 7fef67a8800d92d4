-- Reads which name and which reason failed jobs have, so that no giant travels; changes nothing.
-- ARGV prefix of the queue's keys, the most bytes of a reason that is read, how many bytes of one are returned, then ids
-- returns for each id its name and its reason: '' where none is recorded, the number of its bytes where they are too
--         many; nothing and nothing where the job's own hash is gone or none
local prefix, most, kept = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local read = {}
for i = 4, #ARGV do
  local key = prefix .. ARGV[i]
  local size = redis.pcall('HSTRLEN', key, 'failedReason')
  local fields = {}
  if type(size) == 'number' then
    fields = redis.call('HMGET', key, 'name', 'atm', 'attemptsMade', 'finishedOn')
  end
  local reason = false
  if type(size) == 'number' and size > most then
    reason = size
  elseif type(size) == 'number' and size > 0 then
    reason = string.sub(redis.call('HGET', key, 'failedReason'), 1, kept)
  elseif fields[1] or fields[2] or fields[3] or fields[4] then
    reason = ''
  end
  read[#read + 1] = fields[1] and string.sub(fields[1], 1, kept) or false
  read[#read + 1] = reason
end
return read
