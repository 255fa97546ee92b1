-- include parts/ending.lua

-- A claim stops early once its payloads reach this, so that a thousand large tasks do not fill the memory.
local CLAIM_BYTES = 8 * 1024 * 1024
local READ_AT_ONCE = 100

local function split(text)
  local list = {}
  for field in string.gmatch(text, '[^\31]+') do list[#list + 1] = field end
  return list
end

-- Numbers of the lanes asked for that may have ready tasks.
local function wantedLanes(namespace, queues, types)
  local names, numbers, seen = {}, {}, {}
  for _, queue in ipairs(queues) do
    local inQueue = namespace .. '\n' .. queue
    if not seen[inQueue] and call('SISMEMBER', P .. 'paused', inQueue) == 0 then
      if types then
        for _, type in ipairs(types) do names[#names + 1] = inQueue .. '\n' .. type end
      else
        for _, number in ipairs(call('SMEMBERS', P .. 'waiting:' .. inQueue)) do numbers[#numbers + 1] = number end
      end
    end
    seen[inQueue] = true
  end
  local met = {}
  for from = 1, #names, 1000 do
    for _, number in ipairs(call('HMGET', P .. 'lanes', unpack(names, from, math.min(from + 999, #names)))) do
      if number and not met[number] then numbers[#numbers + 1] = number end
      if number then met[number] = true end
    end
  end
  return numbers
end

-- Ready tasks of several lanes in order: the best head of all is taken, each lane read in chunks.
local function mergeLanes(numbers, limit)
  local chunk = math.max(8, math.ceil(2 * limit / #numbers))
  local readers = {}
  local function fill(reader)
    reader.buffer = call('ZRANGE', reader.lane.ready, reader.offset, reader.offset + chunk - 1, 'WITHSCORES')
    reader.offset, reader.at = reader.offset + chunk, 1
    reader.score = tonumber(reader.buffer[2])
  end
  for _, number in ipairs(numbers) do
    local reader = { lane = laneOf(number), offset = 0 }
    fill(reader)
    if reader.score then readers[#readers + 1] = reader end
  end
  local ids, from = {}, {}
  while #ids < limit do
    local best, bestId
    for _, reader in ipairs(readers) do
      if reader.score then
        local id = reader.buffer[reader.at]
        if not best or reader.score < best.score or (reader.score == best.score and id < bestId) then
          best, bestId = reader, id
        end
      end
    end
    if not best then break end
    ids[#ids + 1], from[#from + 1] = bestId, best.lane
    best.at = best.at + 2
    if best.at > #best.buffer and #best.buffer == 2 * chunk then fill(best) end
    best.score = tonumber(best.buffer[best.at + 1])
  end
  return ids, from
end

local function readyInOrder(numbers, limit)
  if #numbers == 0 then return {}, {} end
  if #numbers > 1 then return mergeLanes(numbers, limit) end
  local lane = laneOf(numbers[1])
  local ids, from = call('ZRANGE', lane.ready, 0, limit - 1), {}
  for i = 1, #ids do from[i] = lane end
  return ids, from
end

local function leaseText(s, worker, now)
  s.status, s.token, s.attempt, s.settled = 'r', tostring(s.token + 1), s.attempt + 1, ''
  s.startedAt, s.endAt, s.cancelAt = now, s.head.timeoutMs and now + s.head.timeoutMs, nil
  s.records, s.worker, s.progress, s.text = 0, worker, '', ''
  return stateText(s)
end

-- The lanes' sets are in the order of the claim, so what was taken of each is its beginning.
local function takeFromLanes(from, n)
  local taken = {}
  for i = 1, n do taken[from[i]] = (taken[from[i]] or 0) + 1 end
  for lane, k in pairs(taken) do
    call('ZREMRANGEBYRANK', lane.ready, 0, k - 1)
    if call('EXISTS', lane.ready) == 0 then call('SREM', lane.waiting, lane.number) end
    count(lane, 'q', -k)
    count(lane, 'r', k)
  end
end

local function rememberHolder(holder, node, firstEnd)
  call('ZADD', WORKERS, 'LT', whole(firstEnd), holder)
  call('HSETNX', P .. 'nodes-of', holder, node)
end

-- Leases ready tasks. Adds to `reply` their ids, joined, what differs from a first attempt, joined, and each task's record.
local function claimReady(reply, wanted, now)
  local numbers = wantedLanes(wanted.namespace, split(wanted.queues), wanted.types ~= '*' and split(wanted.types) or nil)
  local ids, from = readyInOrder(numbers, wanted.limit)
  local slot = #reply + 2
  reply[slot - 1], reply[slot] = '', ''
  local expiresAt = now + wanted.leaseMs
  local firstEnd = expiresAt
  local states, leases, claimedIds, tried, shared = {}, {}, {}, {}, {}
  local n, claimed, bytes = 0, 0, 0

  local function leaseFor(s)
    local lease = { text = leaseText(s, wanted.worker, now), tried = '' }
    local ends = s.endAt and math.min(s.endAt, expiresAt) or expiresAt
    lease.score = whole(ends)
    if ends < firstEnd then firstEnd = ends end
    return lease
  end

  -- Tasks of one chunk that were never tried get the same lease: what is made for the first serves the others.
  local function firstLease(task)
    local common = sub(task, 1, find(task, F, find(task, F, 1, true) + 1, true))
    local lease = shared[common]
    if not lease then
      lease = leaseFor(freshState(task))
      shared[common] = lease
    end
    return lease
  end

  local function nextLease(text)
    local s = parseState(text)
    if s.status ~= 'q' then return nil end
    local lease = leaseFor(s)
    lease.tried = s.token .. ',' .. s.attempt .. ',' .. s.crashes .. ',' .. whole(s.readyAt)
    return lease
  end

  while n < #ids and bytes < CLAIM_BYTES do
    local to = math.min(n + READ_AT_ONCE, #ids)
    local tasks = call('HMGET', TASKS, unpack(ids, n + 1, to))
    local present = call('HMGET', STATES, unpack(ids, n + 1, to))
    for k = 1, to - n do
      local task, text = tasks[k], present[k]
      local lease = task and (text and nextLease(text) or not text and firstLease(task))
      if lease then
        bytes, claimed = bytes + #task, claimed + 1
        local id, at = ids[n + k], 2 * claimed
        states[at - 1], states[at] = id, lease.text
        leases[at - 1], leases[at] = lease.score, id
        claimedIds[claimed], tried[claimed] = id, lease.tried
        reply[slot + claimed] = task
      end
    end
    n = to
  end
  if n == 0 then return end
  takeFromLanes(from, n)
  if claimed == 0 then return end
  local holder = wanted.namespace .. '\n' .. wanted.worker
  callWithAll('HSET', STATES, states, 4000)
  callWithAll('ZADD', leasesKey(holder), leases, 4000)
  rememberHolder(holder, wanted.node, firstEnd)
  reply[slot - 1], reply[slot] = table.concat(claimedIds, ','), table.concat(tried, ';')
end
