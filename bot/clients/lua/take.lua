-- Moves those of these failed jobs that failed when they are said to have, and not again since, to a set of our own.
-- KEYS[1] the failed set, KEYS[2] our own
-- ARGV[1] JSON [[id, score], ...]
-- returns how many were moved
local ids, scored = {}, {}
for _, job in ipairs(cjson.decode(ARGV[1])) do
  if redis.call('ZSCORE', KEYS[1], job[1]) == job[2] then
    ids[#ids + 1] = job[1]
    scored[#scored + 1] = job[2]
    scored[#scored + 1] = job[1]
  end
end
if #ids > 0 then
  -- Removed first: a Redis without memory refuses a script whose first write needs some.
  redis.call('ZREM', KEYS[1], unpack(ids))
  redis.call('ZADD', KEYS[2], unpack(scored))
end
return #ids
