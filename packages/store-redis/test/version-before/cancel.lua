#!lua flags=allow-oom
-- include includes/ending.lua

-- Cancels waiting tasks and asks running ones to stop. ARGV: time, namespace, ids.
-- Reply: time, ready lanes, then for each task: 'c' cancelled, 'r' and its worker, 'e' and its status, 'n' there is none.

local now, namespace = storeTime(ARGV[1]), ARGV[2]
promoteDue(now)

-- A task that was never tried is in a chunk with others of the same score.
local function takeReady(id, s, lane)
  if call('ZREM', lane.ready, '!' .. id) == 1 then return end
  local score = readyScore(s.head.priority, s.readyAt)
  for _, member in ipairs(call('ZRANGEBYSCORE', lane.ready, score, score)) do
    if find(member, id, 1, true) then
      call('ZREM', lane.ready, member)
      local number, ids = splitReady(member)
      local before, after = {}, {}
      for i, other in ipairs(ids) do
        if other == id then
          if i > 1 then call('ZADD', lane.ready, score, readyChunk(number, before)) end
          number = number + i
        elseif #before == i - 1 then
          before[i] = other
        else
          after[#after + 1] = other
        end
      end
      if #after > 0 then call('ZADD', lane.ready, score, readyChunk(number, after)) end
      return
    end
  end
end

local function cancelWaiting(id, s)
  local lane = laneOf(s.head.lane)
  if s.status == 's' then
    call('ZREM', SCHEDULED, id)
  else
    takeReady(id, s, lane)
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
  local text = readState(id)
  local s = text and parseState(text) or freshState(task)
  if not liesIn(namespace, s.head) then return 'n' end
  if s.status == 'q' or s.status == 's' then return cancelWaiting(id, s) end
  if s.status == 'r' then return askToStop(id, s) end
  return 'e' .. s.status
end

local reply = { whole(now), '' }
for i = 3, #ARGV do reply[i] = cancelOne(ARGV[i]) end
saveCounts()
reply[2] = readyLaneNames()
return reply
