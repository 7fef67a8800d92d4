-- Reads entries of a plain list, so that no giant travels; changes nothing.
-- KEYS the list; ARGV the first and the last place, the most bytes of an entry that is returned
-- returns each entry, one that is longer as the number of its bytes
local read = redis.call('LRANGE', KEYS[1], ARGV[1], ARGV[2])
local most = tonumber(ARGV[3])
for i, entry in ipairs(read) do
  if #entry > most then
    read[i] = #entry
  end
end
return read
