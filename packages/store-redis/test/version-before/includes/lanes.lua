-- include includes/state.lua

-- A lane is one (namespace, queue, type), known by a number: `lanes` leads from names to numbers, `names` back. Lanes are
-- never removed. Names hold no control characters, so '\n' joins them.

local lanes = {}

local function laneOf(number)
  local lane = lanes[number]
  if lane then return lane end
  local names = call('HGET', P .. 'names', number)
  local namespace, queue, type = match(names, '^([^\n]*)\n([^\n]*)\n(.*)$')
  local inQueue = namespace .. '\n' .. queue
  lane = {
    number = number,
    names = names,
    namespace = namespace,
    type = type,
    inQueue = inQueue,
    counters = P .. 'counts:' .. inQueue,
    ready = P .. 'ready:' .. number,
    waiting = P .. 'waiting:' .. inQueue,
    index = P .. 'index:' .. number,
  }
  lanes[number] = lane
  return lane
end

-- What lies in another namespace does not exist for the caller.
local function liesIn(namespace, head)
  return laneOf(head.lane).namespace == namespace
end

-- Names of all lanes this call has met, for the reply.
local function laneTable()
  local list = {}
  for number, lane in pairs(lanes) do list[#list + 1] = number .. '\n' .. lane.names end
  return table.concat(list, F)
end

-- Counters change once per call, whatever the number of tasks.
local tallies = {}

local function count(lane, field, difference)
  local key = lane.counters
  local tally = tallies[key]
  if not tally then
    tally = {}
    tallies[key] = tally
  end
  tally[field] = (tally[field] or 0) + difference
end

local finishedBytes = 0

local function saveCounts()
  for key, tally in pairs(tallies) do
    for field, difference in pairs(tally) do
      if difference ~= 0 then call('HINCRBY', key, field, difference) end
    end
  end
  if finishedBytes ~= 0 then call('HINCRBY', META, 'bytes', whole(finishedBytes)) end
end
