#!lua flags=allow-oom
-- include includes/workers.lua
-- include includes/removal.lua
-- include includes/strangers.lua

-- Housekeeping in one bounded step.
-- ARGV: time, cancelGraceMs, limit, jitter, succeededMs, failedMs, finishedBytes, most leases to end.
-- Reply: time, ready lanes, lanes, promoted, removed, when to come back or '', '1' when there is more to do at once, then
-- what ended (see endOverdue).

local now = storeTime(ARGV[1])
local graceMs, limit, jitter = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local mostEnded = tonumber(ARGV[8])
local promoted = promoteDue(now, limit)
local ended = {}

-- `spreadJitter` of the core.
local function nextJitter()
  return (jitter + #ended * 0.618034) % 1
end

local function endAll(ids, reasonOf)
  if #ids == 0 then return end
  local states = call('HMGET', RUNNING, unpack(ids))
  for i, id in ipairs(ids) do
    local s = parseState(states[i])
    endOverdue(ended, id, s, reasonOf(s), nextJitter(), false, now)
  end
end

local function overdue(s)
  return s.endAt and s.endAt <= now and 'timeout' or 'expired'
end

endAll(call('ZRANGEBYSCORE', CANCELS, '-inf', whole(now - graceMs), 'LIMIT', 0, mostEnded), function() return 'cancelled' end)
local isSpared = now < tonumber(call('HGET', META, 'spareUntil') or 0)
for _, holder in ipairs(isSpared and {} or call('ZRANGEBYSCORE', WORKERS, '-inf', whole(now), 'LIMIT', 0, mostEnded)) do
  if #ended < mostEnded then
    endAll(call('ZRANGEBYSCORE', leasesKey(holder), '-inf', whole(now), 'LIMIT', 0, mostEnded - #ended), overdue)
    firstLeaseOf(holder)
  end
end
rememberCompany(now)

-- Retention: `done` and `failed` list finished tasks, the longest finished first (see finishedEntry). One that was retried
-- since then no longer fits its entry and is only dropped from it.

local REMOVED_BYTES = 4 * 1024 * 1024
local keptBytes = tonumber(ARGV[7])
local storedBytes = tonumber(call('HGET', META, 'bytes') or 0)

local function readEntry(list)
  local entry = call('LINDEX', list.key, list.read)
  if not entry then
    list.finishedAt, list.ids = math.huge, {}
    return
  end
  list.read, list.at = list.read + 1, 1
  list.finishedAt, list.common, list.ids = splitFinishedEntry(entry)
end

local function reader(status, keptMs)
  local list = { key = finishedList(status), overAt = now - keptMs, read = 0, taken = 0 }
  readEntry(list)
  return list
end

-- Takes what was read off the list, and puts back what is left of the last entry.
local function closeReader(list)
  if list.taken == 0 then return end
  call('LTRIM', list.key, list.read, -1)
  if #list.ids == 0 then return end
  call('LPUSH', list.key, restOfEntry(list.finishedAt, list.common, { unpack(list.ids, list.at) }))
end

-- Takes the longest finished task of a list; one that was retried or deleted meanwhile only leaves the list.
local function takeFirst(list)
  local id, common = list.ids[list.at], list.common
  if common then
    forget(id, laneOf(common.lane), common.base, common.size, 'o', takeShare(common))
  else
    -- One at a time: a state may hold a large result.
    local text = not isGone[id] and call('HGET', STATES, id)
    local s = text and parseState(text)
    if s and find('ofc', s.status, 1, true) and s.endAt == list.finishedAt then
      removeTask(id, s, finishedSize(#text, s))
    end
  end
  list.at, list.taken = list.at + 1, list.taken + 1
  if list.at > #list.ids then readEntry(list) end
end

local done, failed = reader('o', tonumber(ARGV[5])), reader('f', tonumber(ARGV[6]))
while removed < limit and removedBytes < REMOVED_BYTES and done.taken + failed.taken < 4 * limit do
  if done.finishedAt <= done.overAt then
    takeFirst(done)
  elseif failed.finishedAt <= failed.overAt then
    takeFirst(failed)
  elseif storedBytes + finishedBytes > keptBytes and math.min(done.finishedAt, failed.finishedAt) < math.huge then
    takeFirst(done.finishedAt <= failed.finishedAt and done or failed)
  else
    break
  end
end
closeReader(done)
closeReader(failed)
local isBehind = promoted == limit or #ended == mostEnded or removed == limit or removedBytes >= REMOVED_BYTES
  or done.taken + failed.taken >= 4 * limit

removeGone()
saveLanes()
isBehind = placeSome(now) or isBehind

-- `workers` may hold a time before that of a worker's first lease; those in front are put right.
local function firstLease()
  for _ = 1, limit do
    local head = call('ZRANGE', WORKERS, 0, 0, 'WITHSCORES')
    if #head == 0 then return math.huge end
    if firstLeaseOf(head[1]) == tonumber(head[2]) then return tonumber(head[2]) end
  end
  return now
end

local function firstScore(key)
  return tonumber(call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]) or math.huge
end

local nextAt = math.min(firstLease(), firstScore(SCHEDULED), firstScore(CANCELS) + graceMs)
if isBehind then nextAt = now end
local reply = {
  whole(now), readyLaneNames(), laneTable(), promoted, removed, nextAt == math.huge and '' or whole(nextAt),
  isBehind and '1' or '',
}
for i = 1, #ended do reply[7 + i] = ended[i] end
return reply
