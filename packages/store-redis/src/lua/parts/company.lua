-- include parts/leases.lua

-- `company` says of each worker in a namespace when leases of the worker last ended without word: those that it held then, and
-- so those that began until then, were not alone. A lease that began in the same millisecond, but later, counts as one of them.
local COMPANY = P .. 'company'

-- The keys, in `workers`, of each worker: one for each namespace in which it holds leases. Read when the first is asked for:
-- few calls end leases without word.
local holdersByWorker

local function holdersOf(worker)
  if not holdersByWorker then
    holdersByWorker = {}
    for _, holder in ipairs(call('ZRANGE', WORKERS, 0, -1)) do
      local holdersWorker = match(holder, '\n(.*)$')
      local holders = holdersByWorker[holdersWorker] or {}
      holdersByWorker[holdersWorker] = holders
      holders[#holders + 1] = holder
    end
  end
  return holdersByWorker[worker] or {}
end

-- Leases of each worker before this call has ended any.
local leasesBefore = {}

-- Whether a lease is all that its worker held. Asked of each that ends without word, before it does.
local function wasAlone(s)
  if not leasesBefore[s.worker] then
    local leases = 0
    for _, holder in ipairs(holdersOf(s.worker)) do leases = leases + call('ZCARD', leasesKey(holder)) end
    leasesBefore[s.worker] = leases
  end
  return leasesBefore[s.worker] == 1 and s.startedAt > tonumber(call('HGET', COMPANY, holderOf(s)) or 0)
end

-- Marks what workers still hold of which this call has ended leases.
local function rememberCompany(now)
  for worker in pairs(leasesBefore) do
    for _, holder in ipairs(holdersOf(worker)) do
      if call('EXISTS', leasesKey(holder)) == 1 then call('HSET', COMPANY, holder, whole(now)) end
    end
  end
end
