-- Reads failed jobs whole, byte for byte, for the archive; changes nothing.
-- KEYS[1] the failed set
-- ARGV    prefix of the queue's keys, highest score, most bytes, then the jobs' ids
-- returns how many of these ids were looked at, how many another job waits for, which were left, how many were read,
--         those as JSON [[id, score], ...], and what was read of them
local prefix, highest, most_bytes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local parts = {'', ':logs', ':dependencies', ':processed', ':failed', ':unsuccessful'}

local index, payload, bytes, left, looked = {}, {}, 0, 0, 0
for i = 4, #ARGV do
  if bytes > most_bytes then
    break
  end
  looked = looked + 1
  local key, score = prefix .. ARGV[i], redis.call('ZSCORE', KEYS[1], ARGV[i])
  local parent = redis.pcall('HGET', key, 'parentKey')
  if not score or tonumber(score) > highest then
    -- It is no longer among the failed jobs, or failed again since.
  elseif type(parent) == 'string' and redis.pcall('SISMEMBER', parent .. ':dependencies', key) == 1 then
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
    index[#index + 1] = {ARGV[i], score}
    payload[#payload + 1] = job
  end
end
if #index == 0 then
  return {looked, left, 0, '[]', ''}
end
return {looked, left, #index, cjson.encode(index), cmsgpack.pack(payload)}
