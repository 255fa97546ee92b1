#!lua flags=no-writes
-- include includes/leases.lua
-- include includes/ready.lua

-- Tasks that wait or run, where they are few enough to be looked at all at once.
-- ARGV: time, namespace, queue or '', type or '', 'waiting' or 'running', most.
-- Reply: 'many', or 'all' and number and id of each.

local namespace, queue, type, most = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[6])
local ids = {}

local function add(key)
  if #ids + call('ZCARD', key) > most then return false end
  for _, id in ipairs(call('ZRANGE', key, 0, -1)) do ids[#ids + 1] = id end
  return true
end

local function addReady(lane)
  for _, member in ipairs(call('ZRANGE', lane.ready, 0, -1)) do
    local _, some = splitReady(member)
    for _, id in ipairs(some) do ids[#ids + 1] = id end
  end
end

local function addWaiting()
  if not add(SCHEDULED) then return false end
  for _, name in ipairs(queue ~= '' and { queue } or call('SMEMBERS', P .. 'queues:' .. namespace)) do
    local inQueue = namespace .. '\n' .. name
    if #ids + tonumber(call('HGET', P .. 'counts:' .. inQueue, 'q') or 0) > most then return false end
    for _, number in ipairs(call('SMEMBERS', P .. 'waiting:' .. inQueue)) do
      local lane = laneOf(number)
      if type == '' or type == lane.type then addReady(lane) end
    end
  end
  return true
end

local function addRunning()
  for _, holder in ipairs(call('ZRANGE', WORKERS, 0, -1)) do
    if match(holder, '^[^\n]*') == namespace and not add(leasesKey(holder)) then return false end
  end
  return true
end

local few
if ARGV[5] == 'waiting' then few = addWaiting() else few = addRunning() end
if not few then return { 'many' } end
local reply = { 'all' }
for from = 1, #ids, 100 do
  local to = math.min(from + 99, #ids)
  local tasks = call('HMGET', TASKS, unpack(ids, from, to))
  for i = from, to do
    local task = tasks[i - from + 1]
    if task then reply[#reply + 1], reply[#reply + 2] = numberOf(task), ids[i] end
  end
end
return reply
