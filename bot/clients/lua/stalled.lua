-- Counts the events of jobs that lost their worker, so that what the other events carry does not travel; changes nothing.
-- KEYS the stream; ARGV where to begin, how many events to look at
-- returns how many such events there are, how many were looked at, and the id of the last one
local events = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])
local count = 0
for _, event in ipairs(events) do
  for i = 1, #event[2], 2 do
    if event[2][i] == 'event' and event[2][i + 1] == 'stalled' then
      count = count + 1
    end
  end
end
return {count, #events, #events > 0 and events[#events][1] or ''}
