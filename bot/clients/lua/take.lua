-- Moves those of these failed jobs that failed when they are said to have, and not again since, to a set of our own.
-- KEYS[1] the failed set, KEYS[2] our own
-- ARGV[1] JSON [[id, score], ...]
-- ARGV[2] the prefix of the queue's keys where jobs that another job waits for are to be left, else empty
-- returns how many were moved; where a prefix is given how many were left, and how many of those have the last score
local ids, scored, left, at_last = {}, {}, 0, 0
local jobs = cjson.decode(ARGV[1])
for _, job in ipairs(jobs) do
  if redis.call('ZSCORE', KEYS[1], job[1]) == job[2] then
    local key = ARGV[2] .. job[1]
    local parent = ARGV[2] ~= '' and redis.pcall('HGET', key, 'parentKey')
    if type(parent) == 'string' and redis.pcall('SISMEMBER', parent .. ':dependencies', key) == 1 then
      left = left + 1
      at_last = at_last + (job[2] == jobs[#jobs][2] and 1 or 0)
    else
      ids[#ids + 1] = job[1]
      scored[#scored + 1] = job[2]
      scored[#scored + 1] = job[1]
    end
  end
end
if #ids > 0 then
  -- Removed first: a Redis without memory refuses a script whose first write needs some.
  redis.call('ZREM', KEYS[1], unpack(ids))
  redis.call('ZADD', KEYS[2], unpack(scored))
end
return ARGV[2] ~= '' and {left, at_last} or #ids
