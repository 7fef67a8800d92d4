-- Pauses or resumes a queue with BullMQ's own script, as the version that works on it does.
-- KEYS[1] to KEYS[7] and ARGV[1], ARGV[2] as that script takes them
-- ARGV[3] the library that the queue's meta has to name, ARGV[4] its major version
-- returns {-1} when it names another one, {-2} when the queue was so already, else {how many jobs are still to be moved}
local keys, words = KEYS, ARGV
local function pause(KEYS, ARGV)
-- bullmq: pause
end
local meta = redis.call('HMGET', keys[3], 'version', 'paused')
if meta[1] ~= words[3] then
  return {-1}
end
local pausing = words[1] == 'paused'
-- In version 6 the jobs of a paused queue stay where they are.
local moves = not pausing or words[4] == '5'
if (meta[2] and true or false) == pausing and not (moves and redis.call('EXISTS', keys[1]) == 1) then
  return {-2}
end
local left = 0
if pausing and moves then
  if redis.call('EXISTS', keys[2]) == 0 then
    if redis.call('EXISTS', keys[1]) == 1 then
      redis.call('RENAME', keys[1], keys[2])
    end
  else
    -- BullMQ 5 would overwrite what is there; these come after it. Bounded as where its later version resumes.
    for _ = 1, 7000 do
      if not redis.call('RPOPLPUSH', keys[1], keys[2]) then
        break
      end
    end
    left = redis.call('LLEN', keys[1])
  end
end
return {left + (pause(keys, words) or 0)}
