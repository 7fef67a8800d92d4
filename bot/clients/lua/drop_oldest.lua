-- Removes the oldest failed jobs with BullMQ's own script, except those that another job waits for.
-- KEYS[1] the failed set, KEYS[2] our own, KEYS[3] the events, KEYS[4] the job schedulers
-- ARGV    prefix of the queue's keys, lowest and highest score, how many to pass over, most jobs
-- returns how many were looked at, how many of them are gone and how many were left, the last score, and how many of
--         that score stay in their place
local failed, own, events, schedulers = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local prefix, lowest, highest, passed, most = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local function clean(KEYS, ARGV)
-- bullmq: cleanJobsInSet
end

-- Returns how many jobs there are at the beginning of the failed set, and the last one's score, where all of them may
-- go as they lie: asked with four commands, not with one for each job, which would take as long as to remove them.
local function first()
  if passed ~= '0' or string.find(prefix, '*', 1, true) or redis.call('ZCOUNT', failed, '-inf', '(' .. lowest) > 0 then
    return 0
  end
  local count = math.min(tonumber(most), redis.call('ZCOUNT', failed, '-inf', highest))
  -- Refused to a user who may not read every key.
  local parents = redis.pcall('SORT', failed, 'BY', 'nosort', 'LIMIT', 0, count, 'GET', prefix .. '*->parentKey')
  if parents.err then
    return 0
  end
  for i = 1, count do
    if parents[i] then
      return 0
    end
  end
  -- The library's script begins at score 0.
  if count == 0 or redis.call('ZCOUNT', failed, '-inf', '(0') > 0 then
    return 0
  end
  return count, redis.call('ZRANGE', failed, count - 1, count - 1, 'WITHSCORES')[2]
end

local count, score = first()
if count > 0 then
  local gone = clean({failed, events, schedulers}, {prefix, score, count, 'failed'})
  return {count, #gone, 0, score, 0}
end

local found = redis.call('ZRANGEBYSCORE', failed, lowest, highest, 'WITHSCORES', 'LIMIT', passed, most)
local last = found[#found] or ''
local ids, scored, left, at_last, left_at_last = {}, {}, 0, 0, 0
for i = 1, #found, 2 do
  local key, is_last = prefix .. found[i], found[i + 1] == last and 1 or 0
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
if #ids == 0 then
  return {#found / 2, 0, left, last, left_at_last}
end
-- Moved to a set of our own, where the library's script finds no others. Removed first: a Redis without memory refuses
-- a script whose first write needs some.
redis.call('ZREM', failed, unpack(ids))
redis.call('ZADD', own, unpack(scored))
local done, gone = pcall(clean, {own, events, schedulers}, {prefix, '+inf', 0, 'failed'})
local stay = redis.call('ZRANGE', own, 0, -1, 'WITHSCORES')
redis.call('DEL', own)
for i = 1, #stay, 2 do
  redis.call('ZADD', failed, stay[i + 1], stay[i])
end
if not done then
  error(gone)
end
-- The library's script passes over what has a score below zero.
return {#found / 2, #gone, left, last, #gone > 0 and left_at_last or at_last}
