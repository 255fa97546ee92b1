#!lua
-- include includes/ready.lua

-- Stores submissions, each all or nothing.
-- ARGV: time; queue depth; names of the lanes; runs of tasks of one lane and priority, as "lane,priority,count;…";
-- tasks in each submission, as "n,n,…"; origin for the wake-up, '' for none; number of tasks; for each task its id and its
-- record from the priority on; then for each special task (delayed, with a key or tags): its position, runAt or '',
-- delay, key or '', fingerprint, number of tags, tags.
-- Reply: time, ready lanes, 'all' or, for each submission, its outcome: 'a' and for each task '' (new) or what is known
-- of it; 'c' key; 'g' key, id; 'f' queue.

local KEY_MS = 86400000
local TASK_ARGS = 8

local now = storeTime(ARGV[1])
promoteDue(now)
local depth, total = tonumber(ARGV[2]), tonumber(ARGV[7])

local function idAt(position)
  return ARGV[TASK_ARGS + position * 2 - 2]
end

local function eachField(text, visit)
  for field in string.gmatch(text, '[^\31]+') do visit(field) end
end

-- Lanes of the call, made when they are new.
local laneNames, callLanes = {}, {}
eachField(ARGV[3], function(names) laneNames[#laneNames + 1] = names end)
if #laneNames > 0 then
  local numbers = {}
  for from = 1, #laneNames, 1000 do
    for _, number in ipairs(call('HMGET', P .. 'lanes', unpack(laneNames, from, math.min(from + 999, #laneNames)))) do
      numbers[#numbers + 1] = number
    end
  end
  for i, names in ipairs(laneNames) do
    callLanes[i] = { number = numbers[i], names = names, inQueue = match(names, '^[^\n]*\n[^\n]*') }
  end
end

local function made(lane)
  if not lane.number then
    local number = tostring(call('HINCRBY', META, 'lanes', 1))
    call('HSET', P .. 'lanes', lane.names, number)
    call('HSET', P .. 'names', number, lane.names)
    local namespace, queue = match(lane.inQueue, '^([^\n]*)\n(.*)$')
    call('SADD', P .. 'queues:' .. namespace, queue)
    call('SADD', P .. 'lanesof:' .. lane.inQueue, number)
    lane.number = number
  end
  return laneOf(lane.number)
end

local laneAt, priorityAt = {}, {}
local position = 0
for lane, priority, n in string.gmatch(ARGV[4], '(%d+),(-?%d+),(%d+)') do
  local inLane = callLanes[tonumber(lane)]
  local p = tonumber(priority)
  for i = position + 1, position + n do laneAt[i], priorityAt[i] = inLane, p end
  inLane.arriving = (inLane.arriving or 0) + n
  position = position + n
end

local special = {}
local hasKeys = false
do
  local at = TASK_ARGS + total * 2
  while at <= #ARGV do
    local tags = tonumber(ARGV[at + 5])
    local runAt = math.max(now, ARGV[at + 1] == '' and now + ARGV[at + 2] or tonumber(ARGV[at + 1]))
    local one = { runAt = runAt, key = ARGV[at + 3], fingerprint = ARGV[at + 4], firstTag = at + 6, tags = tags }
    if one.key ~= '' then hasKeys = true end
    special[tonumber(ARGV[at])] = one
    at = at + 6 + tags
  end
end

-- Which tasks are there already: the same call came before.
local known = {}
local anyKnown = false
do
  local ids = {}
  for i = 1, total do ids[i] = idAt(i) end
  for from = 1, total, 1000 do
    local found = call('HMGET', TASKS, unpack(ids, from, math.min(from + 999, total)))
    for i = 1, math.min(1000, total - from + 1) do
      if found[i] then
        known[ids[from + i - 1]] = true
        anyKnown = true
      end
    end
  end
end

-- include enqueue/judging.lua
-- include enqueue/storing.lua

local outcomes
if hasKeys or anyKnown or not hasRoomForAll() then
  outcomes = {}
  local from = 1
  for size in string.gmatch(ARGV[5], '%d+') do
    local to = from + size - 1
    local refused, arriving = refusal(from, to)
    if refused then
      outcomes[#outcomes + 1] = refused
    else
      outcomes[#outcomes + 1] = 'a'
      for i = from, to do accept(i, outcomes) end
      for inQueue, n in pairs(arriving) do waitingIn[inQueue] = waitingIn[inQueue] + n end
    end
    from = to + 1
  end
else
  for i = 1, total do taken[i] = i end
end

if #taken > 0 then
  local base = takeNumbers()
  local positionsOf = {}
  for _, i in ipairs(taken) do
    local lane = laneAt[i]
    local list = positionsOf[lane]
    if not list then
      list = {}
      positionsOf[lane] = list
    end
    list[#list + 1] = i
    if special[i] then storeSpecial(i, base) end
  end
  local records = {}
  for inCall, positions in pairs(positionsOf) do storeLane(made(inCall), positions, base, records) end
  callWithAll('HSET', TASKS, records, 4000)
end
saveCounts()

local readyNames = readyLaneNames()
if ARGV[6] ~= '' and readyNames ~= '' then call('PUBLISH', P .. 'ready', ARGV[6] .. F .. readyNames) end
if not outcomes then return { whole(now), readyNames, 'all' } end
table.insert(outcomes, 1, readyNames)
table.insert(outcomes, 1, whole(now))
return outcomes
