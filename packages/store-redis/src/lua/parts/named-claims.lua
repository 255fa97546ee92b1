-- include parts/claiming.lua

-- Claims with a name are kept in a set for each worker, so that a claim that comes for the first time costs one look. The
-- leases themselves say which claim they are of; names whose leases are all gone leave the set now and then.

local MOST_NAMES = 64

local function claimsKey(holder)
  return P .. 'claims:' .. holder
end

-- Ids and states of a worker's leases.
local function leasesOf(holder)
  local ids, states = call('ZRANGE', leasesKey(holder), 0, -1), {}
  for from = 1, #ids, 1000 do
    for _, text in ipairs(call('HMGET', RUNNING, unpack(ids, from, math.min(from + 999, #ids)))) do
      states[#states + 1] = text
    end
  end
  return ids, states
end

local function dropOldNames(holder)
  local names = call('SCARD', claimsKey(holder))
  if names <= MOST_NAMES or names <= 2 * call('ZCARD', leasesKey(holder)) then return end
  local held, seen = {}, {}
  local _, states = leasesOf(holder)
  for _, text in ipairs(states) do
    local name = sub(parseState(text).settled, 2)
    if name ~= '' and not seen[name] then held[#held + 1] = name end
    seen[name] = true
  end
  call('UNLINK', claimsKey(holder))
  callWithAll('SADD', claimsKey(holder), held, 4000)
end

-- Gives the leases of an earlier call of the same name again, where any holds. Adds to `reply` their ids, joined, the word
-- 'again', and both records of each task.
local function giveAgain(reply, wanted, holder, now)
  local expiresAt, firstEnd = now + wanted.leaseMs, nil
  local slot, given, moved = #reply + 2, {}, {}
  local ids, states = leasesOf(holder)
  for i, text in ipairs(states) do
    local s = parseState(text)
    if sub(s.settled, 2) == wanted.request then
      local id, ends = ids[i], s.endAt and math.min(s.endAt, expiresAt) or expiresAt
      given[#given + 1] = id
      moved[#moved + 1], moved[#moved + 2] = whole(ends), id
      firstEnd = math.min(firstEnd or ends, ends)
      laneOf(s.head.lane)
      reply[slot + 2 * #given - 1], reply[slot + 2 * #given] = call('HGET', TASKS, id), text
    end
  end
  if #given == 0 then return false end
  callWithAll('ZADD', leasesKey(holder), moved, 4000)
  call('ZADD', WORKERS, 'LT', whole(firstEnd), holder)
  reply[slot - 1], reply[slot] = table.concat(given, ','), 'again'
  return true
end

-- Leases ready tasks, or gives those of the same claim again: see leaseReady and giveAgain.
local function claimReady(reply, wanted, now)
  wanted.mark = (wanted.node == '0' and 'u' or 'w') .. wanted.request
  if wanted.request == '' then return leaseReady(reply, wanted, now) end
  local holder = wanted.namespace .. '\n' .. wanted.worker
  local isKnown = call('SADD', claimsKey(holder), wanted.request) == 0
  if isKnown and giveAgain(reply, wanted, holder, now) then return end
  if leaseReady(reply, wanted, now) then
    dropOldNames(holder)
  else
    call('SREM', claimsKey(holder), wanted.request)
  end
end
