-- include includes/base.lua

-- The server's clock, in milliseconds, never backwards. A small step back holds the time still until the clock has
-- caught up; after a large one (somebody set the clock, a replica with another clock took over) it goes on from the
-- last reading, so that leases still end in time.
local SMALL_STEP_MS = 1000

-- Servers beat every second. After a longer silence (Redis was stopped and goes on, and first runs what had been waiting
-- in its sockets, sweeps too) leases that ran out meanwhile are spared for a while, so that workers can extend them first.
local SILENCE_MS, SPARED_MS = 3000, 3000

local function readTime(given)
  if given ~= '' then return tonumber(given) end
  local clock = call('TIME')
  local known = call('HMGET', META, 'now', 'skew', 'noted')
  local last, skew = tonumber(known[1] or 0), tonumber(known[2] or 0)
  local now = clock[1] * 1000 + floor(clock[2] / 1000) + skew
  return math.max(now, last), last, skew, now, known[1] ~= known[3]
end

-- As readTime, and remembers what it read. `noted` follows `now`, but in calls of the version before; so these are noticed, and
-- counted, by the next call after them, and `strangerAt` says when that was last. One in the same millisecond as a call before it
-- is noticed with the next of its server, which beats; so is one that does not read the time.
local function storeTime(given)
  local now, last, skew, seen, wasStranger = readTime(given)
  if given ~= '' then return now end
  if wasStranger then
    call('HINCRBY', META, 'strangers', 1)
    call('HSET', META, 'strangerAt', whole(now))
  end
  if seen < last - SMALL_STEP_MS then call('HSET', META, 'skew', whole(skew + last - seen)) end
  if now > last or wasStranger then call('HSET', META, 'now', whole(now), 'noted', whole(now)) end
  if last > 0 and now - last > SILENCE_MS then call('HSET', META, 'spareUntil', whole(now + SPARED_MS)) end
  return now
end
