-- include includes/lanes.lua

-- Ready tasks of a lane are a sorted set: higher priority first, then by readiness, then in order of submission. A member
-- is one task with a state, "!id", or a chunk of tasks that were never tried, "number:id,id,…": they were submitted one
-- after another, the first of them with that number.

local readyLanes = {}

local function readyScore(priority, readyAt)
  return whole((1000 - priority) * PRIORITY_STEP + readyAt - EPOCH)
end

local function addReadyLane(lane)
  readyLanes[lane.names] = true
end

local function readyLaneNames()
  local list = {}
  for names in pairs(readyLanes) do list[#list + 1] = names end
  return table.concat(list, F)
end

local function readyChunk(number, ids)
  return whole(number) .. ':' .. table.concat(ids, ',')
end

-- The number of a member's first task, -1 for one with a state, and its ids.
local function splitReady(member)
  local ids, number = {}, -1
  local at = find(member, ':', 1, true)
  if at then number = tonumber(sub(member, 1, at - 1)) end
  for id in string.gmatch(sub(member, at and at + 1 or 2), '[^,]+') do ids[#ids + 1] = id end
  return number, ids
end

-- Puts a task where claims find it. The caller has taken it from where it was, and saves its state.
local function makeReady(id, s, readyAt)
  local lane = laneOf(s.head.lane)
  s.status, s.readyAt = 'q', readyAt
  call('ZADD', lane.ready, readyScore(s.head.priority, readyAt), '!' .. id)
  call('SADD', lane.waiting, lane.number)
  count(lane, 'q', 1)
  addReadyLane(lane)
end

local function makeScheduled(id, s, runAt)
  s.status, s.readyAt = 's', runAt
  call('ZADD', SCHEDULED, whole(runAt), id)
  count(laneOf(s.head.lane), 's', 1)
end

local DUE_AT_ONCE = 1000

-- Makes due tasks ready, in order of their times. Every call that writes begins with it, so that a task which becomes
-- ready later is put in line behind those that were due before.
local function promoteDue(now, limit)
  local due = call('ZRANGEBYSCORE', SCHEDULED, '-inf', whole(now), 'LIMIT', 0, limit or DUE_AT_ONCE)
  if #due == 0 then return 0 end
  local states = call('HMGET', STATES, unpack(due))
  for i, id in ipairs(due) do
    local s = parseState(states[i])
    count(laneOf(s.head.lane), 's', -1)
    makeReady(id, s, s.readyAt)
    saveState(id, s)
  end
  call('ZREM', SCHEDULED, unpack(due))
  return #due
end
