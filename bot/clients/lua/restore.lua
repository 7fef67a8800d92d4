-- Brings jobs back from the archive as failed, except where a job of that id is there.
-- KEYS[1] the failed set
-- ARGV    prefix of the queue's keys, JSON [[id, score], ...], what pack.lua read of them
-- returns how many came back
local parts = {'', ':logs', ':dependencies', ':processed', ':failed', ':unsuccessful'}
local payload, back = cmsgpack.unpack(ARGV[3]), 0
for i, job in ipairs(cjson.decode(ARGV[2])) do
  local key = ARGV[1] .. job[1]
  if payload[i][1] and redis.call('EXISTS', key) == 0 and not redis.call('ZSCORE', KEYS[1], job[1]) then
    for part = 1, #parts do
      if payload[i][part] then
        redis.call('RESTORE', key .. parts[part], 0, payload[i][part], 'REPLACE')
      end
    end
    redis.call('ZADD', KEYS[1], job[2], job[1])
    back = back + 1
  end
end
return back
