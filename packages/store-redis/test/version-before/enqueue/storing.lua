-- Stores the tasks of the call that are taken, lane by lane.

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
  addReadyLane(lane)
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
