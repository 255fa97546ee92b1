-- include parts/ending.lua

-- Of packages/core/src/states.ts.
local POISON_CRASHES, POISON_ATTEMPTS = 3, 20

local function isPoisoned(id, s)
  if s.loneCrashes >= POISON_CRASHES then return true end
  return s.attempt >= POISON_ATTEMPTS and s.attempt >= patienceOf(id)
end

-- poisonedError of packages/core/src/states.ts.
local function poisonedError(s)
  local why
  if s.loneCrashes >= POISON_CRASHES then
    why = 'It seems to bring its workers down: ' .. s.loneCrashes .. ' died while they ran nothing else'
  else
    why = 'Its lease ran out in attempt ' .. s.attempt .. ', and it has no more: its workers died, stood still or never got it'
  end
  return '{"code":"poisoned","message":"' .. why .. '"}'
end

-- Ends a lease whose worker is silent or dead: afterLeaseEnd of packages/core/src/states.ts.
local function expire(id, s, isDead, isAlone, now)
  if isDead then s.crashes = s.crashes + 1 end
  if isDead and isAlone then s.loneCrashes = s.loneCrashes + 1 end
  if s.cancelAt then return cancelRunning(id, s, '', now) end
  takeLease(id, s)
  s.settled = ''
  if isPoisoned(id, s) then
    finish(id, s, 'f', poisonedError(s), now)
    return 'f'
  end
  endAttempt(id, s, 'lease-expired', now, nil, nil)
  s.startedAt, s.endAt, s.worker, s.progress, s.text = nil, nil, '', '', ''
  makeReady(id, s, now)
  saveState(id, s)
  return 'q'
end

-- Leases of each worker before this call has ended any.
local leasesBefore = {}

-- `company` says of each worker until when it held leases that have ended without word: a time, and of the leases that began
-- at this very time those that were beside them. So a lease is marked without being written, and one that comes later is not.
local COMPANY = P .. 'company'

local function leaseName(id, token)
  return F .. id .. ':' .. token .. F
end

local function markCompany(holder, now)
  local mark, begunNow = { whole(now) }, F .. whole(now) .. F
  -- Leases of one claim are alike, as a rule: what is found for the first serves the others.
  local tokens = {}

  local function tokenOf(text)
    local s = find(text, begunNow, 1, true) and parseState(text)
    return s and s.startedAt == now and s.token
  end

  eachLease(holder, function(id, text)
    if tokens[text] == nil then tokens[text] = tokenOf(text) or false end
    if tokens[text] then mark[#mark + 1] = leaseName(id, tokens[text]) end
  end)
  call('HSET', COMPANY, holder, table.concat(mark))
end

-- Marks what workers still hold of which this call has ended leases.
local function rememberCompany(now)
  for holder in pairs(leasesBefore) do
    if call('EXISTS', leasesKey(holder)) == 1 then markCompany(holder, now) end
  end
end

local function hadCompany(holder, id, s)
  local mark = call('HGET', COMPANY, holder)
  if not mark then return false end
  local at = tonumber(match(mark, '^%d+'))
  return s.startedAt < at or s.startedAt == at and find(mark, leaseName(id, s.token), 1, true) ~= nil
end

-- Ends an overdue lease; answers for the reply: id, token, reason, lane, worker, status. `isDead`: its worker is known to be.
-- One that is watched, and of which nobody knows that, may only have stood still.
local function endOverdue(ended, id, s, reason, jitter, isDead, now)
  local worker, token, status = s.worker, s.token, nil
  local holder = holderOf(s)
  leasesBefore[holder] = leasesBefore[holder] or call('ZCARD', leasesKey(holder))
  if reason == 'cancelled' then
    status = cancelRunning(id, s, '', now)
  elseif reason == 'timeout' then
    status = failAttempt(id, s, { error = TIMEOUT, retryable = true, jitter = jitter }, '', now)
  else
    local isAlone = leasesBefore[holder] == 1 and not hadCompany(holder, id, s)
    status = expire(id, s, isDead or sub(s.settled, 1, 1) ~= 'w', isAlone, now)
  end
  ended[#ended + 1] = table.concat({ id, token, reason, s.head.lane, worker, status }, F)
end
