#!lua flags=allow-oom
-- include includes/ready.lua

-- ARGV: time, namespace, queue or ''. Reply: 'more' when due tasks are left to be made ready, else ''; ready lanes; then
-- for each queue: its name, paused, scheduled, queued, running, succeeded, failed, cancelled, total, oldest readiness or ''.

local now = storeTime(ARGV[1])
local promoted = promoteDue(now)
saveCounts()
local namespace = ARGV[2]

-- Within a priority the set is in order of readiness, so one step per priority in use finds the oldest of all.
local function oldestInLane(lane)
  local oldest, above = math.huge, '-inf'
  while true do
    local head = call('ZRANGEBYSCORE', lane.ready, above, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    if #head == 0 then return oldest end
    local score = tonumber(head[2])
    oldest = math.min(oldest, score % PRIORITY_STEP + EPOCH)
    above = whole((floor(score / PRIORITY_STEP) + 1) * PRIORITY_STEP)
  end
end

local function oldestInQueue(inQueue)
  local oldest = math.huge
  for _, number in ipairs(call('SMEMBERS', P .. 'waiting:' .. inQueue)) do
    oldest = math.min(oldest, oldestInLane(laneOf(number)))
  end
  return oldest == math.huge and '' or whole(oldest)
end

local queues = call('SMEMBERS', P .. 'queues:' .. namespace)
if ARGV[3] ~= '' then
  queues = call('SISMEMBER', P .. 'queues:' .. namespace, ARGV[3]) == 1 and { ARGV[3] } or {}
end
local reply = { promoted == DUE_AT_ONCE and 'more' or '', readyLaneNames() }
for _, queue in ipairs(queues) do
  local inQueue = namespace .. '\n' .. queue
  reply[#reply + 1] = queue
  reply[#reply + 1] = tostring(call('SISMEMBER', P .. 'paused', inQueue))
  for _, n in ipairs(call('HMGET', P .. 'counts:' .. inQueue, 's', 'q', 'r', 'o', 'f', 'c', 'total')) do
    reply[#reply + 1] = n or '0'
  end
  reply[#reply + 1] = oldestInQueue(inQueue)
end
return reply
