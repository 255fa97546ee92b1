-- What becomes of each submission of the call, as if those before it were stored: its outcomes, and the tasks that are taken.

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
