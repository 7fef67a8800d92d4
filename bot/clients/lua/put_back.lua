-- Puts what is left in our own set back among the failed jobs.
-- KEYS[1] our own set, KEYS[2] the failed set
-- returns how many were left
local left = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
redis.call('DEL', KEYS[1])
for i = 1, #left, 2 do
  redis.call('ZADD', KEYS[2], left[i + 1], left[i])
end
return #left / 2
