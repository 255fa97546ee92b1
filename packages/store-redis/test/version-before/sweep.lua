#!lua flags=allow-oom
-- include includes/workers.lua

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
local removed, removedBytes = 0, 0
local keptBytes = tonumber(ARGV[7])
local storedBytes = tonumber(call('HGET', META, 'bytes') or 0)

local function readEntry(list)
  local entry = call('LINDEX', list.key, list.read)
  if not entry then
    list.finishedAt, list.ids = math.huge, {}
    return
  end
  local time, common, ids = match(entry, '^(%d+):([%d,]*):(.*)$')
  list.read, list.at, list.finishedAt, list.ids = list.read + 1, 1, tonumber(time), {}
  for id in string.gmatch(ids, '[^,]+') do list.ids[#list.ids + 1] = id end
  list.common = nil
  if common ~= '' then
    local lane, base, size, bytes = match(common, '^(%d+),(%d+),(%d+),(%d+)$')
    list.common = { lane = laneOf(lane), base = base, size = tonumber(size), bytes = tonumber(bytes), left = #list.ids }
  end
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
  local common = list.common
  local text = common and table.concat({ common.lane.number, common.base, common.size, common.bytes }, ',') or ''
  call('LPUSH', list.key, finishedEntry(whole(list.finishedAt), text, { unpack(list.ids, list.at) }))
end

local gone, isGone, removedOf = {}, {}, {}

-- Counts a removed task, and those of its chunk in the index.
local function forget(id, lane, base, chunkSize, status, bytes)
  removed, removedBytes, finishedBytes = removed + 1, removedBytes + bytes, finishedBytes - bytes
  gone[removed], isGone[id] = id, true
  count(lane, status, -1)
  local ofLane = removedOf[lane] or {}
  removedOf[lane] = ofLane
  local chunk = ofLane[base] or { size = chunkSize, n = 0 }
  ofLane[base] = chunk
  chunk.n = chunk.n + 1
end

local function removeTags(id, lane, task)
  local tags = match(task, '^%d+\31[^\31]*\31%d+\31%d+\31[^\31]*\31([^\31]*)\31')
  -- What cjson cannot read (half a surrogate pair) is left in the index, where lists pass over tasks that are gone.
  local isRead, list = pcall(cjson.decode, tags)
  for _, tag in ipairs(isRead and list or {}) do call('ZREM', P .. 'tag:' .. lane.namespace .. '\n' .. tag, id) end
end

local function removeTask(id, s, length)
  local head, lane = s.head, laneOf(s.head.lane)
  if head.tagged then removeTags(id, lane, call('HGET', TASKS, id)) end
  if s.historyBytes > 0 then call('UNLINK', historyKey(id)) end
  if s.status ~= 'o' then call('ZREM', endedIndex(lane, s.status), id) end
  forget(id, lane, head.base, head.size, s.status, finishedSize(length, s))
end

-- Takes the longest finished task of a list; one that was retried meanwhile only leaves the list.
local function takeFirst(list)
  local id, common = list.ids[list.at], list.common
  if common then
    local bytes = floor(common.bytes / common.left)
    common.bytes, common.left = common.bytes - bytes, common.left - 1
    forget(id, common.lane, common.base, common.size, 'o', bytes)
  else
    -- One at a time: a state may hold a large result.
    local text = not isGone[id] and call('HGET', STATES, id)
    local s = text and parseState(text)
    if s and find('ofc', s.status, 1, true) and s.endAt == list.finishedAt then removeTask(id, s, #text) end
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

-- A chunk of the index goes with the last of its tasks.
for lane, chunks in pairs(removedOf) do
  for base, chunk in pairs(chunks) do
    local key, field = P .. 'removed', lane.number .. ',' .. base
    if chunk.size == chunk.n or call('HINCRBY', key, field, chunk.n) == chunk.size then
      call('ZREMRANGEBYSCORE', lane.index, base, base)
      if chunk.size > chunk.n then call('HDEL', key, field) end
    end
  end
end
callWithAll('HDEL', TASKS, gone, 4000)
callWithAll('HDEL', STATES, gone, 4000)
saveCounts()

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
