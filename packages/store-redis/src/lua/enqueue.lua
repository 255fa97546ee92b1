#!lua
-- include parts/ready.lua

-- Stores submissions, each all or nothing.
-- ARGV: time; queue depth; names of the lanes; runs of tasks of one lane and priority, as "lane,priority,count;…";
-- tasks in each submission, as "n,n,…"; origin for the wake-up, '' for none; number of tasks; for each task its id and its
-- record from the priority on; then for each special task (delayed, with a key or tags): its position, runAt or '',
-- delay, key or '', fingerprint, number of tags, tags.
-- Reply: time, readied lanes, 'all' or, for each submission, its outcome: 'a' and for each task '' (new) or what is known
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

local waitingIn = {}

local function roomIn(inQueue)
  if not waitingIn[inQueue] then
    local counts = call('HMGET', P .. 'counts:' .. inQueue, 'q', 's')
    waitingIn[inQueue] = (tonumber(counts[1]) or 0) + (tonumber(counts[2]) or 0)
  end
  return depth - waitingIn[inQueue]
end

local function hasRoomForAll()
  local arriving = {}
  for _, lane in ipairs(callLanes) do
    arriving[lane.inQueue] = (arriving[lane.inQueue] or 0) + (lane.arriving or 0)
  end
  for inQueue, n in pairs(arriving) do
    if n > roomIn(inQueue) then return false end
  end
  return true
end

-- Idempotency keys of earlier calls, and of this one so far: id, fingerprint, and position when it is of this call.
local usedKeys = {}

local function keyName(lane, key)
  return P .. 'key:' .. match(lane.inQueue, '^[^\n]*') .. '\n' .. key
end

local function usedKey(name)
  local used = usedKeys[name]
  if used == nil then
    local stored = call('GET', name)
    used = false
    if stored then
      local id, expiresAt, fingerprint = match(stored, '^([^\31]*)\31(%d+)\31(.*)$')
      if tonumber(expiresAt) > now then used = { id = id, fingerprint = fingerprint } end
    end
    usedKeys[name] = used
  end
  return used or nil
end

-- What a caller that comes again hears of its task.
local function report(id, replayed)
  local createdAt = splitTask(call('HGET', TASKS, id))
  local text = readState(id)
  local status, runAt = 'q', createdAt
  if text then
    local s = parseState(text)
    status, runAt = s.status, whole(s.readyAt)
  end
  return table.concat({ id, status, createdAt, runAt, replayed and '1' or '0' }, F)
end

local taken, acceptedAt = {}, {}

local function refusal(from, to)
  local fingerprints, counted, arriving = {}, {}, {}
  for i = from, to do
    local lane, one, id = laneAt[i], special[i], idAt(i)
    local isNew = not known[id] and not acceptedAt[id] and not counted[id]
    if one and one.key ~= '' then
      local name = keyName(lane, one.key)
      local used = usedKey(name)
      local fingerprint = used and used.fingerprint or fingerprints[name]
      if fingerprint and fingerprint ~= one.fingerprint then return 'c' .. one.key end
      if used and not used.position and call('HEXISTS', TASKS, used.id) == 0 then return 'g' .. one.key .. F .. used.id end
      isNew = isNew and not fingerprint
      fingerprints[name] = one.fingerprint
    end
    if isNew then
      counted[id] = true
      arriving[lane.inQueue] = (arriving[lane.inQueue] or 0) + 1
      if arriving[lane.inQueue] > roomIn(lane.inQueue) then return 'f' .. match(lane.inQueue, '\n(.*)$') end
    end
  end
  return nil, arriving
end

local function reportOfThisCall(position, replayed)
  local runAt = special[position] and special[position].runAt or now
  return table.concat({ idAt(position), runAt > now and 's' or 'q', whole(now), whole(runAt), replayed and '1' or '0' }, F)
end

local function accept(i, answers)
  local id, one = idAt(i), special[i]
  local used = one and one.key ~= '' and usedKey(keyName(laneAt[i], one.key))
  if used and used.position then
    answers[#answers + 1] = reportOfThisCall(used.position, used.id ~= id)
  elseif used then
    answers[#answers + 1] = report(used.id, used.id ~= id)
  elseif known[id] then
    answers[#answers + 1] = report(id, false)
  elseif acceptedAt[id] then
    answers[#answers + 1] = reportOfThisCall(acceptedAt[id], false)
  else
    answers[#answers + 1] = ''
    taken[#taken + 1] = i
    acceptedAt[id] = i
    if one and one.key ~= '' then
      usedKeys[keyName(laneAt[i], one.key)] = { id = id, fingerprint = one.fingerprint, position = i }
    end
  end
end

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

-- Numbers in order of submission: the milliseconds with twelve bits to count within one, so that they lead to times.
local function takeNumbers()
  local stored = call('HMGET', META, 'number', 'ahead')
  local last, ahead = tonumber(stored[1] or 0), tonumber(stored[2] or 0)
  local byClock = (now - EPOCH) * 4096
  local base = math.max(last, byClock)
  local aheadNow = math.ceil((base + total - byClock) / 4096)
  call('HSET', META, 'number', whole(base + total + 1), 'ahead', whole(math.max(ahead, aheadNow)))
  return base
end

-- One entry of a lane's index for up to a hundred tasks: their ids, with their positions where those are not in a row.
local function chunkMember(positions, from, to)
  local ids = {}
  local inRow = positions[to] - positions[from] == to - from
  for k = from, to do
    local i = positions[k]
    ids[#ids + 1] = inRow and idAt(i) or (i - positions[from]) .. '=' .. idAt(i)
  end
  return table.concat(ids, ',')
end

local function storeReady(lane, score, positions, base)
  local from = 1
  while from <= #positions do
    local ids, to = { idAt(positions[from]) }, from
    while #ids < CHUNK and positions[to + 1] == positions[to] + 1 do
      to = to + 1
      ids[#ids + 1] = idAt(positions[to])
    end
    call('ZADD', lane.ready, score, readyChunk(base + positions[from], ids))
    from = to + 1
  end
  call('SADD', lane.waiting, lane.number)
  count(lane, 'q', #positions)
  nameReadied(lane)
end

local function storeLane(lane, positions, base, records)
  local index, ready = {}, {}
  local nowText = whole(now)
  for from = 1, #positions, CHUNK do
    local to = math.min(from + CHUNK - 1, #positions)
    local first = positions[from]
    local number = whole(base + first)
    local chunk = lane.number .. ',' .. number .. ',' .. (to - from + 1) .. ',' .. first .. ','
    local prefix = nowText .. F .. chunk
    index[#index + 1] = number
    index[#index + 1] = chunkMember(positions, from, to)
    for k = from, to do
      local i = positions[k]
      local id, record, one = idAt(i), ARGV[TASK_ARGS + i * 2 - 1], special[i]
      records[#records + 1] = id
      records[#records + 1] = prefix .. record
      if one and one.runAt > now then
        local s = freshState(prefix .. record)
        makeScheduled(id, s, one.runAt)
        saveState(id, s)
      else
        local priority = priorityAt[i]
        local list = ready[priority]
        if not list then
          list = {}
          ready[priority] = list
        end
        list[#list + 1] = i
      end
    end
  end
  callWithAll('ZADD', lane.index, index, 4000)
  for priority, list in pairs(ready) do storeReady(lane, readyScore(priority, now), list, base) end
end

local function storeSpecial(i, base)
  local one, id = special[i], idAt(i)
  local namespace = match(laneAt[i].inQueue, '^[^\n]*')
  for t = one.firstTag, one.firstTag + one.tags - 1 do
    call('ZADD', P .. 'tag:' .. namespace .. '\n' .. ARGV[t], whole(base + i), id)
  end
  if one.key ~= '' then
    local value = id .. F .. whole(now + KEY_MS) .. F .. one.fingerprint
    -- Redis' own clock only cleans up: the time in the value is the one that counts.
    call('SET', keyName(laneAt[i], one.key), value, 'PX', KEY_MS + 3600000)
  end
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

local lanesReadied = readiedLanes()
if ARGV[6] ~= '' and lanesReadied ~= '' then call('PUBLISH', P .. 'ready', ARGV[6] .. F .. lanesReadied) end
if not outcomes then return { whole(now), lanesReadied, 'all' } end
table.insert(outcomes, 1, lanesReadied)
table.insert(outcomes, 1, whole(now))
return outcomes
