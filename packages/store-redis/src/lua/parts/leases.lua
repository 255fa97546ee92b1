-- include parts/lanes.lua

-- Leases of a worker are a sorted set by when they end (or their deadline passes); `workers` holds, for each worker with
-- leases, a time not later than the first of them.

local WORKERS, CANCELS = P .. 'workers', P .. 'cancels'

local function holderOf(s)
  return laneOf(s.head.lane).namespace .. '\n' .. s.worker
end

local function leasesKey(holder)
  return P .. 'leases:' .. holder
end

-- Takes a running task from its worker. The caller says what becomes of it.
local function takeLease(id, s)
  call('HDEL', RUNNING, id)
  call('ZREM', leasesKey(holderOf(s)), id)
  if s.cancelAt then call('ZREM', CANCELS, id) end
  count(laneOf(s.head.lane), 'r', -1)
  s.cancelAt, s.records = nil, 0
end
