-- include includes/lanes.lua

-- Leases of a worker are a sorted set by when they end (or their deadline passes); `workers` holds, for each worker with
-- leases, a time not later than the first of them.

local WORKERS, CANCELS = P .. 'workers', P .. 'cancels'

-- The node of a worker's leases, as long as it holds any, and workers that hold some of other nodes, which say so.
local NODES_OF, SEVERAL_NODES = P .. 'nodes-of', P .. 'several-nodes'

local function holderOf(s)
  return laneOf(s.head.lane).namespace .. '\n' .. s.worker
end

local function leasesKey(holder)
  return P .. 'leases:' .. holder
end

local function eachLease(holder, visit)
  local ids = call('ZRANGE', leasesKey(holder), 0, -1)
  for from = 1, #ids, 1000 do
    local states = call('HMGET', RUNNING, unpack(ids, from, math.min(from + 999, #ids)))
    for i, text in ipairs(states) do visit(ids[from + i - 1], text) end
  end
end

-- When a lease ends, and its score. Where the deadline comes first, the score's fraction (twelve bits are left, and half of
-- them still rounds to the deadline) tells one that was extended since, unless by a multiple of 2,047 ms.
local function leaseEnd(s, expiresAt)
  if not s.endAt or s.endAt >= expiresAt then return expiresAt, whole(expiresAt) end
  return s.endAt, format('%.17g', s.endAt - (expiresAt % 2047 + 1) / 4096)
end

-- When a lease of this score ends that is given again until `expiresAt`, as it is told, in effect, and its new score. No end is
-- told twice: where the deadline comes first, the fraction goes on by one.
local function laterEnd(s, score, expiresAt)
  local later = math.max(expiresAt, floor(score + 0.5) + 1)
  local short = s.endAt and s.endAt - score
  if short and short < 1 and s.endAt < later then later = later + (short * 4096 - later) % 2047 end
  return later, leaseEnd(s, later)
end

-- Somebody would notice the death of its worker.
local function isWatched(s)
  return sub(s.settled, 1, 1) == 'w'
end

-- The claim that gave a lease, '' when that has no name.
local function requestOf(s)
  return match(s.settled, '^.([^\30]*)')
end

-- The node of a lease, nil when it is that of `nodes-of`.
local function nodeOf(s)
  local node = match(s.settled, '\30(.*)$')
  return node and cjson.decode(node)
end

-- Takes a running task from its worker. The caller says what becomes of it.
local function takeLease(id, s)
  call('HDEL', RUNNING, id)
  call('ZREM', leasesKey(holderOf(s)), id)
  if s.cancelAt then call('ZREM', CANCELS, id) end
  count(laneOf(s.head.lane), 'r', -1)
  s.cancelAt, s.records = nil, 0
end
