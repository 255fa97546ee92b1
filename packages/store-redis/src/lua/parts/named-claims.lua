-- include parts/claiming.lua

-- Claims with a name are kept in a set for each worker, so that a claim that comes for the first time costs one look. The
-- leases themselves say which claim they are of; names whose leases are all gone leave the set now and then.

local MOST_NAMES = 64

local function eachLease(holder, visit)
  local ids = call('ZRANGE', leasesKey(holder), 0, -1)
  for from = 1, #ids, 1000 do
    local states = call('HMGET', RUNNING, unpack(ids, from, math.min(from + 999, #ids)))
    for i, text in ipairs(states) do visit(ids[from + i - 1], text, parseState(text)) end
  end
end

-- Gives the leases of an earlier call of the same name again, where any holds. Adds to `reply` their ids, joined, the word
-- 'again', and both records of each task.
local function giveAgain(reply, wanted, holder, now)
  local expiresAt, firstEnd = now + wanted.leaseMs, nil
  local slot, given, moved = #reply + 2, {}, {}

  local function give(id, text, s)
    local ends = s.endAt and math.min(s.endAt, expiresAt) or expiresAt
    given[#given + 1] = id
    moved[#moved + 1], moved[#moved + 2] = whole(ends), id
    firstEnd = math.min(firstEnd or ends, ends)
    laneOf(s.head.lane)
    reply[slot + 2 * #given - 1], reply[slot + 2 * #given] = call('HGET', TASKS, id), text
  end

  eachLease(holder, function(id, text, s)
    if sub(s.settled, 2) == wanted.request then give(id, text, s) end
  end)
  if #given == 0 then return false end
  callWithAll('ZADD', leasesKey(holder), moved, 4000)
  call('ZADD', WORKERS, 'LT', whole(firstEnd), holder)
  reply[slot - 1], reply[slot] = table.concat(given, ','), 'again'
  return true
end

-- Leaves the names of leases that hold.
local function dropOldNames(key, holder)
  local held, seen = {}, {}
  eachLease(holder, function(_, _, s)
    local name = sub(s.settled, 2)
    if name ~= '' and not seen[name] then held[#held + 1] = name end
    seen[name] = true
  end)
  call('DEL', key)
  callWithAll('SADD', key, held, 4000)
end

-- Leases ready tasks, or gives those of the same claim again: see leaseReady and giveAgain.
local function claimReady(reply, wanted, now)
  wanted.mark = (wanted.node == '0' and 'u' or 'w') .. wanted.request
  if wanted.request == '' then return leaseReady(reply, wanted, now) end
  local holder = wanted.namespace .. '\n' .. wanted.worker
  local key = P .. 'claims:' .. holder
  local isKnown = call('SADD', key, wanted.request) == 0
  if isKnown and giveAgain(reply, wanted, holder, now) then return end
  if not leaseReady(reply, wanted, now) then
    call('SREM', key, wanted.request)
    return
  end
  local names = call('SCARD', key)
  if names > MOST_NAMES and names > 2 * call('ZCARD', leasesKey(holder)) then dropOldNames(key, holder) end
end
