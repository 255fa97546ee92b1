-- include includes/lanes.lua

-- Lanes in the order of their first ready tasks, so that a claim of every queue looks at no more of them than it takes tasks from:
-- `order:<namespace>\n<type>` has those of a type, `ordered:<namespace>` names the types. The score is that of the first task; a
-- member is its number, all of one length, or "!id" of one with a state, and ":lane", so that lanes of one score are in order,
-- too. `places` has score and member of each lane. Lanes of paused queues have none.

local PLACES = P .. 'places'
local movedLanes = {}

local function orderKey(namespace, type)
  return P .. 'order:' .. namespace .. '\n' .. type
end

local function placeOf(lane, member, score)
  local at = find(member, ':', 1, true)
  local first = at and format('%016.0f', sub(member, 1, at - 1)) or member
  return score .. ' ' .. first .. ':' .. lane.number
end

local function isPaused(lane)
  return call('SISMEMBER', P .. 'paused', lane.inQueue) == 1
end

local function replacePlace(lane, before, place)
  local order = orderKey(lane.namespace, lane.type)
  if before then call('ZREM', order, match(before, ' (.*)$')) end
  if not place then
    call('HDEL', PLACES, lane.number)
    return
  end
  call('ZADD', order, match(place, '^(%S+) (.*)$'))
  call('HSET', PLACES, lane.number, place)
  if not before then call('SADD', P .. 'ordered:' .. lane.namespace, lane.type) end
end

-- Puts a lane where its first ready task belongs, or nowhere. True for one that had no place.
local function placeLane(lane)
  local head = call('ZRANGE', lane.ready, 0, 0, 'WITHSCORES')
  call(head[1] and 'SADD' or 'SREM', lane.waiting, lane.number)
  local place = head[1] and placeOf(lane, head[1], head[2]) or false
  local before = call('HGET', PLACES, lane.number)
  if place and not before and isPaused(lane) then return end
  if place ~= before then replacePlace(lane, before, place) end
  return place and not before
end

local function removePlace(lane)
  local before = call('HGET', PLACES, lane.number)
  if before then replacePlace(lane, before, false) end
end

-- Whoever changes which tasks of a lane are ready calls this; the lane is placed anew once per call.
local function noteMoved(lane)
  movedLanes[lane] = true
end

local function placeMoved()
  for lane in pairs(movedLanes) do placeLane(lane) end
  movedLanes = {}
end

-- A server of the version before places no lanes. Where one may have made tasks ready since lanes of the namespace were placed
-- last (see storeTime), all with ready tasks are placed again. What is not noticed is made up for by sweeps (see placeSome).
local function placeAll(namespace)
  local strangers = call('HGET', META, 'strangers')
  if not strangers or call('HGET', P .. 'placed', namespace) == strangers then return end
  for _, queue in ipairs(call('SMEMBERS', P .. 'queues:' .. namespace)) do
    for _, number in ipairs(call('SMEMBERS', P .. 'waiting:' .. namespace .. '\n' .. queue)) do placeLane(readLane(number)) end
  end
  call('HSET', P .. 'placed', namespace, strangers)
end

-- Writes what the call has changed of lanes.
local function saveLanes()
  placeMoved()
  saveCounts()
end
