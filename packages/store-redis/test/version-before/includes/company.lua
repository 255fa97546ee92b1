-- include includes/leases.lua

-- `company` says of each worker in a namespace when leases of the worker last ended without word: those that it held then, and
-- so those that began until then, were not alone. A lease that began in the same millisecond, but later, counts as one of them.
local COMPANY = P .. 'company'

-- Leases of each worker before this call has ended any.
local leasesBefore = {}

-- Whether a lease is all that its worker held. Asked of each that ends without word, before it does.
local function wasAlone(s)
  local holder = holderOf(s)
  leasesBefore[holder] = leasesBefore[holder] or call('ZCARD', leasesKey(holder))
  return leasesBefore[holder] == 1 and s.startedAt > tonumber(call('HGET', COMPANY, holder) or 0)
end

-- Marks what workers still hold of which this call has ended leases.
local function rememberCompany(now)
  for holder in pairs(leasesBefore) do
    if call('EXISTS', leasesKey(holder)) == 1 then call('HSET', COMPANY, holder, whole(now)) end
  end
end
