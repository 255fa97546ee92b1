#!lua flags=allow-oom
-- include includes/ready.lua

-- How many ready tasks of its lane come before one. ARGV: time, namespace, id, how many are counted. Reply: ready lanes; the
-- number, '' when the task is not ready.

local now, namespace, id, most = storeTime(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
promoteDue(now)
saveCounts()

-- Its member in the lane's set, and how many tasks come before it there.
local function memberOf(lane, s)
  if call('ZSCORE', lane.ready, '!' .. id) then return '!' .. id, 0 end
  local score = readyScore(s.head.priority, s.readyAt)
  for _, member in ipairs(call('ZRANGEBYSCORE', lane.ready, score, score)) do
    if find(member, id, 1, true) then
      local _, ids = splitReady(member)
      for i, other in ipairs(ids) do
        if other == id then return member, i - 1 end
      end
    end
  end
end

-- An id has 36 characters, and one beside it.
local function tasksIn(member)
  local colon = find(member, ':', 1, true)
  return colon and (#member - colon + 1) / 37 or 1
end

local AT_ONCE = 128

local function countBefore(lane, rank, before)
  while rank > 0 and before < most do
    local from = math.max(0, rank - AT_ONCE)
    for _, member in ipairs(call('ZRANGE', lane.ready, from, rank - 1)) do before = before + tasksIn(member) end
    rank = from
  end
  return math.min(before, most)
end

local function positionOf(task)
  if not task or not liesIn(namespace, headOfTask(task)) then return '' end
  local text = readState(id)
  local s = text and parseState(text) or freshState(task)
  local lane = laneOf(s.head.lane)
  local member, before = memberOf(lane, s)
  return member and whole(countBefore(lane, call('ZRANK', lane.ready, member), before)) or ''
end

local position = positionOf(call('HGET', TASKS, id))
return { readyLaneNames(), position }
