-- include includes/base.lua

-- The server's clock, in milliseconds, never backwards. A small step back holds the time still until the clock has
-- caught up; after a large one (somebody set the clock, a replica with another clock took over) it goes on from the
-- last reading, so that leases still end in time.
local SMALL_STEP_MS = 1000

-- Servers beat every second. After a longer silence (Redis was stopped and goes on, and first runs what had been waiting
-- in its sockets, sweeps too) leases that ran out meanwhile are spared for a while, so that workers can extend them first.
local SILENCE_MS, SPARED_MS = 3000, 3000

local function readTime(given)
  if given ~= '' then return tonumber(given), 0, 0 end
  local clock = call('TIME')
  local known = call('HMGET', META, 'now', 'skew')
  local last, skew = tonumber(known[1] or 0), tonumber(known[2] or 0)
  local now = clock[1] * 1000 + floor(clock[2] / 1000) + skew
  return math.max(now, last), last, skew, now
end

-- As readTime, and remembers what it read.
local function storeTime(given)
  local now, last, skew, seen = readTime(given)
  if given == '' then
    if seen < last - SMALL_STEP_MS then call('HSET', META, 'skew', whole(skew + last - seen)) end
    if now > last then call('HSET', META, 'now', whole(now)) end
    if last > 0 and now - last > SILENCE_MS then call('HSET', META, 'spareUntil', whole(now + SPARED_MS)) end
  end
  return now
end
