-- include includes/claiming.lua

-- Claims with a name are kept in a set for each worker, so that a claim that comes for the first time costs one look. The
-- leases themselves say which claim they are of; names whose leases are all gone leave the set now and then.

local MOST_NAMES = 64

-- What a claim of this name has given and still holds, higher priority and earlier submission first.
local function repeatedClaim(holder, request)
  local given = {}
  eachLease(holder, function(id, text)
    local s = parseState(text)
    if requestOf(s) ~= request then return end
    local task = call('HGET', TASKS, id)
    given[#given + 1] = { id = id, text = text, s = s, task = task, number = tonumber(numberOf(task)) }
  end)
  table.sort(given, function(one, other)
    local priority, othersPriority = one.s.head.priority, other.s.head.priority
    if priority ~= othersPriority then return priority > othersPriority end
    return one.number < other.number
  end)
  return given
end

-- Gives the leases of an earlier call of the same name again, where any holds, each to a later end. Adds to `reply` their
-- ids, joined, the word 'again', and of each task both records and when its lease ends.
local function giveAgain(reply, wanted, holder, now)
  local given = repeatedClaim(holder, wanted.request)
  if #given == 0 then return false end
  local firstEnd = math.huge
  local slot, ids, moved = #reply + 2, {}, {}
  for i, lease in ipairs(given) do
    local before = tonumber(call('ZSCORE', leasesKey(holder), lease.id))
    local expiresAt, ends, score = laterEnd(lease.s, before, now + wanted.leaseMs)
    ids[i] = lease.id
    moved[2 * i - 1], moved[2 * i] = score, lease.id
    firstEnd = math.min(firstEnd, ends)
    laneOf(lease.s.head.lane)
    local at = slot + 3 * i
    reply[at - 2], reply[at - 1], reply[at] = lease.task, lease.text, whole(expiresAt)
  end
  callWithAll('ZADD', leasesKey(holder), moved, 4000)
  call('ZADD', WORKERS, 'LT', whole(firstEnd), holder)
  reply[slot - 1], reply[slot] = table.concat(ids, ','), 'again'
  return true
end

-- Leaves the names of leases that hold.
local function dropOldNames(key, holder)
  local held, seen = {}, {}
  eachLease(holder, function(_, text)
    local name = requestOf(parseState(text))
    if name ~= '' and not seen[name] then held[#held + 1] = name end
    seen[name] = true
  end)
  call('DEL', key)
  callWithAll('SADD', key, held, 4000)
end

-- Leases ready tasks, or gives those of the same claim again: see leaseReady and giveAgain.
local function claimReady(reply, wanted, now)
  local holder = wanted.namespace .. '\n' .. wanted.worker
  wanted.holder = holder
  if wanted.request == '' then return leaseReady(reply, wanted, now) end
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
