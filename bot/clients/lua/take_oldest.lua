-- Moves the oldest failed jobs to a set of our own, except those that another job waits for.
-- KEYS[1] the failed set, KEYS[2] our own
-- ARGV    prefix of the queue's keys, lowest and highest score, how many to pass over, most jobs
-- returns how many were looked at, how many of them were left, the last score, and how many of that score were looked
--         at and how many left
local found = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[2], ARGV[3], 'WITHSCORES', 'LIMIT', ARGV[4], ARGV[5])
local last = found[#found] or ''
local ids, scored, left, at_last, left_at_last = {}, {}, 0, 0, 0
for i = 1, #found, 2 do
  local key, is_last = ARGV[1] .. found[i], found[i + 1] == last and 1 or 0
  local parent = redis.pcall('HGET', key, 'parentKey')
  at_last = at_last + is_last
  if type(parent) == 'string' and redis.pcall('SISMEMBER', parent .. ':dependencies', key) == 1 then
    left, left_at_last = left + 1, left_at_last + is_last
  else
    ids[#ids + 1] = found[i]
    scored[#scored + 1] = found[i + 1]
    scored[#scored + 1] = found[i]
  end
end
if #ids > 0 then
  -- Removed first: a Redis without memory refuses a script whose first write needs some.
  redis.call('ZREM', KEYS[1], unpack(ids))
  redis.call('ZADD', KEYS[2], unpack(scored))
end
return {#found / 2, left, last, at_last, left_at_last}
