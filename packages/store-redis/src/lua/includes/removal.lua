-- include includes/ending.lua

-- Takes ended tasks away: counted as they are met, gone from the store with `removeGone`.

local removed, removedBytes = 0, 0
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

local function removeTask(id, s, bytes)
  local head, lane = s.head, laneOf(s.head.lane)
  if head.tagged then removeTags(id, lane, call('HGET', TASKS, id)) end
  if s.historyBytes > 0 then call('UNLINK', historyKey(id)) end
  if s.status ~= 'o' then call('ZREM', endedIndex(lane, s.status), id) end
  forget(id, lane, head.base, head.size, s.status, bytes)
end

-- A chunk of the index goes with the last of its tasks.
local function removeGone()
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
end
