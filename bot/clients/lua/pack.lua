-- Reads failed jobs whole, byte for byte, for the archive; changes nothing.
-- KEYS[1] the failed set
-- ARGV    prefix of the queue's keys, highest score, how many to pass over, most jobs, most bytes, then ids:
--         with ids only those are read, without them the oldest
-- returns how many were looked at, how many of them belong to another job and were left,
--         the rest as JSON [[id, score], ...], and what was read of them
local prefix, highest, most_bytes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[5])
local parts = {'', ':logs', ':dependencies', ':processed', ':failed', ':unsuccessful'}
local found = {}
if #ARGV > 5 then
  for i = 6, #ARGV do
    local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
    if score and tonumber(score) <= highest then
      found[#found + 1] = ARGV[i]
      found[#found + 1] = score
    end
  end
else
  found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[2], 'WITHSCORES', 'LIMIT', ARGV[3], ARGV[4])
end

local index, payload, bytes, left, looked = {}, {}, 0, 0, 0
for i = 1, #found, 2 do
  if bytes > most_bytes then
    break
  end
  looked = looked + 1
  local key = prefix .. found[i]
  local parent = redis.pcall('HGET', key, 'parentKey')
  if type(parent) == 'string' and parent ~= '' then
    left = left + 1
  else
    local job = {redis.call('DUMP', key)}
    if redis.call('EXISTS', key .. parts[2], key .. parts[3], key .. parts[4], key .. parts[5], key .. parts[6]) > 0 then
      for part = 2, #parts do
        job[part] = redis.call('DUMP', key .. parts[part])
      end
    end
    for part = 1, #job do
      bytes = bytes + (job[part] and #job[part] or 0)
    end
    index[#index + 1] = {found[i], found[i + 1]}
    payload[#payload + 1] = job
  end
end
if #index == 0 then
  return {looked, left, '[]', ''}
end
return {looked, left, cjson.encode(index), cmsgpack.pack(payload)}
