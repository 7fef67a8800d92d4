-- Promotes delayed jobs with BullMQ's own script, except those that were added or worked on since.
-- KEYS[1] to KEYS[9] as that script takes them, KEYS[3] being where the jobs of a paused queue lie
-- ARGV[1] the keys' beginning, ARGV[2] the library that the queue's meta has to name, ARGV[3] the moment (epoch, ms)
-- ARGV[4] the first score to look at, ARGV[5] how many of that score to leave out, ARGV[6] the last score,
-- ARGV[7] how many jobs to look at
-- returns {-1} when meta names another library, else {looked at, promoted, the last score left, how many left of it}
local keys, words = KEYS, ARGV
local function promote(KEYS, ARGV)
-- bullmq: promote
end
local meta = redis.call('HMGET', keys[4], 'version', 'paused')
if meta[1] ~= words[2] then
  return {-1}
end
local target = meta[2] and keys[3] or keys[2]
local moment = tonumber(words[3])
local function is_meant(job)
  local times = redis.call('HMGET', words[1] .. job, 'timestamp', 'processedOn')
  local added, begun = tonumber(times[1] or ''), tonumber(times[2] or '0')
  return added and added <= moment and (begun or 0) <= moment
end
local found = redis.call(
  'ZRANGEBYSCORE', keys[1], words[4], words[6], 'WITHSCORES', 'LIMIT', words[5], words[7]
)
local promoted, last, left = 0, words[4], tonumber(words[5])
for i = 1, #found, 2 do
  if is_meant(found[i]) then
    promote({keys[1], target, target, keys[4], keys[5], keys[6], keys[7], keys[8], keys[9]}, {words[1], found[i]})
    promoted = promoted + 1
  elseif found[i + 1] == last then
    left = left + 1
  else
    last, left = found[i + 1], 1
  end
end
return {#found / 2, promoted, last, left}
