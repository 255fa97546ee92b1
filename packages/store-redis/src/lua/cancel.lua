#!lua flags=allow-oom
-- include parts/ending.lua

-- Cancels waiting tasks and asks running ones to stop. ARGV: time, ids.
-- Reply: time, readied lanes, then for each task: 'c' cancelled, 'r' and its worker, 'e' and its status, 'n' there is none.

local now = storeTime(ARGV[1])
promoteDue(now)

local function cancelWaiting(id, s)
  local lane = laneOf(s.head.lane)
  if s.status == 's' then
    call('ZREM', SCHEDULED, id)
  else
    call('ZREM', lane.ready, id)
    if call('EXISTS', lane.ready) == 0 then call('SREM', lane.waiting, lane.number) end
  end
  count(lane, s.status, -1)
  finish(id, s, 'c', '', now)
  return 'c'
end

local function askToStop(id, s)
  if not s.cancelAt then
    s.cancelAt = now
    call('ZADD', CANCELS, whole(now), id)
    addLine(id, s, 'cancel-requested', now, {})
    saveState(id, s)
  end
  return 'r' .. s.worker
end

local function cancelOne(id)
  local task = call('HGET', TASKS, id)
  if not task then return 'n' end
  local text = call('HGET', STATES, id)
  local s = text and parseState(text) or freshState(task)
  if s.status == 'q' or s.status == 's' then return cancelWaiting(id, s) end
  if s.status == 'r' then return askToStop(id, s) end
  return 'e' .. s.status
end

local reply = { whole(now), '' }
for i = 2, #ARGV do reply[i + 1] = cancelOne(ARGV[i]) end
saveCounts()
reply[2] = readiedLanes()
return reply
