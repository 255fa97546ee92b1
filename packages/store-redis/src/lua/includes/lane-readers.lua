-- include includes/leases.lua
-- include includes/ready.lua

-- Ready tasks of many lanes in one order.

-- Reads the ready tasks of a lane in order, a few members of its set at a time, more with each turn.
local function laneReader(lane)
  local reader = { lane = lane, members = {}, scores = {}, read = 0, member = 0, ids = {}, at = 1, step = 2 }

  local function nextMember()
    if reader.member == reader.read then
      local entries = call('ZRANGE', lane.ready, reader.read, reader.read + reader.step - 1, 'WITHSCORES')
      for i = 1, #entries, 2 do
        reader.read = reader.read + 1
        reader.members[reader.read], reader.scores[reader.read] = entries[i], entries[i + 1]
      end
      reader.step = math.min(reader.step * 2, 256)
    end
    reader.member = reader.member + 1
    local member = reader.members[reader.member]
    if not member then
      reader.id = nil
      return
    end
    reader.score = tonumber(reader.scores[reader.member])
    reader.number, reader.ids = splitReady(member)
    reader.tried = reader.number == -1
    reader.at, reader.id = 1, reader.ids[1]
  end

  function reader.advance()
    reader.at, reader.number = reader.at + 1, reader.number + 1
    reader.id = reader.ids[reader.at]
    if not reader.id then nextMember() end
  end

  nextMember()
  return reader
end

-- Reads the lanes of an order (see lane-order.lua), each known by its first ready task.
local function orderReader(key)
  local reader = { key = key, entries = {}, at = -1, read = 0, step = 4 }

  function reader.advance()
    reader.at = reader.at + 2
    if not reader.entries[reader.at] then
      reader.entries = call('ZRANGE', key, reader.read, reader.read + reader.step - 1, 'WITHSCORES')
      reader.at, reader.read, reader.step = 1, reader.read + reader.step, math.min(reader.step * 2, 256)
    end
    local member = reader.entries[reader.at]
    if not member then
      reader.id = nil
      return
    end
    local first
    first, reader.laneNumber = match(member, '^(.*):(%d+)$')
    reader.score = tonumber(reader.entries[reader.at + 1])
    reader.number, reader.id = tonumber(first) or -1, sub(first, 2)
  end

  reader.advance()
  return reader
end

-- Tasks with a state have no number; their ids rise in order of submission, and a lane's set is in order of ids, too.
local function isBefore(one, other)
  if one.score ~= other.score then return one.score < other.score end
  if one.number ~= other.number then return one.number < other.number end
  return one.id < other.id
end

-- A heap of readers: the one whose task comes first is its first.
local function addTo(heap, reader)
  if not reader.id then return end
  local at = #heap + 1
  while at > 1 and isBefore(reader, heap[floor(at / 2)]) do
    heap[at] = heap[floor(at / 2)]
    at = floor(at / 2)
  end
  heap[at] = reader
end

-- Puts the first, which has gone on, where it belongs now; one that has come to its end leaves.
local function moveFirst(heap)
  local reader = heap[1]
  if not reader.id then
    reader = table.remove(heap)
    if #heap == 0 then return end
  end
  local at, size = 1, #heap
  while 2 * at <= size do
    local child = 2 * at
    if child < size and isBefore(heap[child + 1], heap[child]) then child = child + 1 end
    if not isBefore(heap[child], reader) then break end
    heap[at] = heap[child]
    at = child
  end
  heap[at] = reader
end

-- A lane that a server of the version before has emptied, or its queue paused, is not where it belongs.
local function openLane(heap, order, strayed)
  local lane, score, number = laneOf(order.laneNumber), order.score, order.number
  order.advance()
  moveFirst(heap)
  if isPaused(lane) then
    strayed[#strayed + 1] = lane
    return
  end
  local reader = laneReader(lane)
  if reader.score ~= score or reader.number ~= number then noteMoved(lane) end
  addTo(heap, reader)
end

-- The first ready tasks of what is read: their ids, for each the reader of its lane, and which of them were tried.
local function readyInOrder(readers, limit)
  local heap, strayed, ids, from, tried = {}, {}, {}, {}, {}
  for _, reader in ipairs(readers) do addTo(heap, reader) end
  while #ids < limit and heap[1] do
    local reader = heap[1]
    if reader.laneNumber then
      openLane(heap, reader, strayed)
    else
      local n = #ids + 1
      ids[n], from[n] = reader.id, reader
      if reader.tried then tried[n] = true end
      reader.advance()
      moveFirst(heap)
    end
  end
  for _, lane in ipairs(strayed) do removePlace(lane) end
  return ids, from, tried
end
