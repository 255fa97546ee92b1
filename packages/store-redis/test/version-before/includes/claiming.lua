-- include includes/leases.lua
-- include includes/ready.lua

-- A claim ends with the task whose payload brings it to this, so that a thousand large ones do not fill the memory. No more
-- than a few are read beyond it.
local CLAIM_BYTES = 8 * 1024 * 1024
local READ_AT_ONCE = 32

local function split(text)
  local list = {}
  for field in string.gmatch(text, '[^\31]+') do list[#list + 1] = field end
  return list
end

local function listOrNil(text)
  return text ~= '*' and split(text) or nil
end

-- Numbers of the lanes asked for that may have ready tasks. No queues are all there are.
local function wantedLanes(namespace, queues, types)
  queues = queues or call('SMEMBERS', P .. 'queues:' .. namespace)
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

-- Of many lanes most are empty: that is cheaper asked than found out by reading them.
local function withReady(numbers)
  if #numbers == 1 then return numbers end
  local ready = {}
  for _, number in ipairs(numbers) do
    if call('EXISTS', P .. 'ready:' .. number) == 1 then ready[#ready + 1] = number end
  end
  return ready
end

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

-- Tasks with a state have no number; their ids rise in order of submission, and a lane's set is in order of ids, too.
local function isBefore(one, other)
  if one.score ~= other.score then return one.score < other.score end
  if one.number ~= other.number then return one.number < other.number end
  return one.id < other.id
end

local function bestOf(readers)
  local best
  for _, reader in ipairs(readers) do
    if reader.id and (not best or isBefore(reader, best)) then best = reader end
  end
  return best
end

-- Ready tasks of all lanes in order, for each the reader it is from, and which of them were tried.
local function readyInOrder(numbers, limit)
  local readers, ids, from, tried = {}, {}, {}, {}
  for i, number in ipairs(numbers) do readers[i] = laneReader(laneOf(number)) end
  while #ids < limit do
    local best = #readers == 1 and readers[1] or bestOf(readers)
    if not best or not best.id then break end
    local n = #ids + 1
    ids[n], from[n] = best.id, best
    if best.tried then tried[n] = true end
    best.advance()
  end
  return ids, from, tried
end

-- A task with so many crashes is given out alone; of packages/core/src/states.ts.
local SUSPECT_CRASHES = 2

local function leaseText(s, worker, mark, now)
  s.status, s.token, s.attempt, s.settled = 'r', tostring(s.token + 1), s.attempt + 1, mark
  s.startedAt, s.endAt, s.cancelAt = now, s.head.timeoutMs and now + s.head.timeoutMs, nil
  s.records, s.worker, s.progress, s.text = 0, worker, '', ''
  return stateText(s)
end

-- A lane's set is in the order of the claim, so what was taken of it is its beginning. A chunk that was taken in part is
-- put back without that part.
local function takeFromLane(reader, taken)
  local lane, members = reader.lane, 0
  local left = taken
  while left > 0 do
    members = members + 1
    local number, ids = splitReady(reader.members[members])
    if #ids > left then
      call('ZADD', lane.ready, reader.scores[members], readyChunk(number + left, { unpack(ids, left + 1) }))
    end
    left = left - #ids
  end
  return members
end

local function takeFromLanes(from, n)
  local taken = {}
  for i = 1, n do taken[from[i]] = (taken[from[i]] or 0) + 1 end
  for reader, k in pairs(taken) do
    local lane = reader.lane
    local members = takeFromLane(reader, k)
    call('ZREM', lane.ready, unpack(reader.members, 1, members))
    if call('EXISTS', lane.ready) == 0 then call('SREM', lane.waiting, lane.number) end
    count(lane, 'q', -k)
    count(lane, 'r', k)
  end
end

-- What `settled` says of a lease that begins. Asked when there is one to give.
local function markOf(wanted)
  local holder, mark = wanted.holder, (wanted.node == '0' and 'u' or 'w') .. wanted.request
  local node = call('HGET', NODES_OF, holder)
  if node == wanted.node then return mark end
  if node and call('EXISTS', leasesKey(holder)) == 1 then
    call('SADD', SEVERAL_NODES, holder)
    return mark .. '\30' .. cjson.encode(wanted.node)
  end
  call('HSET', NODES_OF, holder, wanted.node)
  call('SREM', SEVERAL_NODES, holder)
  return mark
end

-- Leases ready tasks. Adds to `reply` their ids, joined, what differs from a first attempt, joined, and each task's record.
local function leaseReady(reply, wanted, now)
  local numbers = withReady(wantedLanes(wanted.namespace, listOrNil(wanted.queues), listOrNil(wanted.types)))
  local ids, from, tried = readyInOrder(numbers, wanted.limit)
  local slot = #reply + 2
  reply[slot - 1], reply[slot] = '', ''
  local expiresAt = now + wanted.leaseMs
  local firstEnd = expiresAt
  local states, leases, claimedIds, differences, shared = {}, {}, {}, {}, {}
  local n, claimed, bytes, isFull = 0, 0, 0, false

  local function leaseFor(s)
    wanted.mark = wanted.mark or markOf(wanted)
    local lease = { text = leaseText(s, wanted.worker, wanted.mark, now), tried = '', payloadBytes = s.head.bytes }
    local ends
    ends, lease.score = leaseEnd(s, expiresAt)
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

  -- The state of a task that was tried moves to the running ones.
  local function nextLease(id, s)
    call('HDEL', STATES, id)
    local lease = leaseFor(s)
    lease.tried = s.token .. ',' .. s.attempt .. ',' .. s.crashes .. ',' .. whole(s.readyAt)
    return lease
  end

  local function give(id, task, lease)
    bytes, claimed = bytes + lease.payloadBytes, claimed + 1
    local at = 2 * claimed
    states[at - 1], states[at] = id, lease.text
    leases[at - 1], leases[at] = lease.score, id
    claimedIds[claimed], differences[claimed] = id, lease.tried
    reply[slot + claimed] = task
    if bytes >= CLAIM_BYTES then isFull = true end
  end

  -- False for a suspect behind others: it stays where it is.
  local function giveTried(id, task)
    local text = call('HGET', STATES, id)
    local s = text and parseState(text)
    local isSuspect = s and s.crashes >= SUSPECT_CRASHES
    if isSuspect and claimed > 0 then return false end
    if s then give(id, task, nextLease(id, s)) end
    if isSuspect then isFull = true end
    return true
  end

  while n < #ids and not isFull do
    local before, to = n, math.min(n + READ_AT_ONCE, #ids)
    local tasks = call('HMGET', TASKS, unpack(ids, n + 1, to))
    while n < to and not isFull do
      local id, task = ids[n + 1], tasks[n + 1 - before]
      if task and not tried[n + 1] then
        give(id, task, firstLease(task))
      elseif task and not giveTried(id, task) then
        isFull = true
        break
      end
      n = n + 1
    end
  end
  if n == 0 then return end
  takeFromLanes(from, n)
  if claimed == 0 then return end
  callWithAll('HSET', RUNNING, states, 4000)
  callWithAll('ZADD', leasesKey(wanted.holder), leases, 4000)
  call('ZADD', WORKERS, 'LT', whole(firstEnd), wanted.holder)
  reply[slot - 1], reply[slot] = table.concat(claimedIds, ','), table.concat(differences, ';')
  return true
end
