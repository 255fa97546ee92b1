-- include includes/ending.lua
-- include includes/company.lua

-- Of packages/core/src/states.ts.
local POISON_CRASHES, POISON_ATTEMPTS = 3, 20

local function isPoisoned(id, s)
  if s.loneCrashes >= POISON_CRASHES then return true end
  return s.attempt >= POISON_ATTEMPTS and s.attempt >= retryPolicyOf(id)
end

-- poisonedError of packages/core/src/states.ts.
local function poisonedError(s)
  local why
  if s.loneCrashes >= POISON_CRASHES then
    why = 'It seems to bring its workers down: its worker was lost ' .. s.loneCrashes .. ' times while it ran nothing else'
  else
    why = 'Its lease ran out in attempt ' .. s.attempt .. ', and it has no more: its workers died, stood still or never got it'
  end
  return '{"code":"poisoned","message":"' .. why .. '"}'
end

-- Ends a lease whose worker is silent or dead: afterLeaseEnd of packages/core/src/states.ts.
local function expire(id, s, isDead, isAlone, now)
  if isDead then s.crashes = s.crashes + 1 end
  if isDead and isAlone then addLoneCrash(id, s) end
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

-- Ends an overdue lease; answers for the reply: id, token, reason, lane, worker, status. `isDead`: its worker is known to be.
-- One that is watched, and of which nobody knows that, may only have stood still.
local function endOverdue(ended, id, s, reason, jitter, isDead, now)
  local worker, token, status = s.worker, s.token, nil
  local isAlone = wasAlone(s)
  if reason == 'cancelled' then
    status = cancelRunning(id, s, '', now)
  elseif reason == 'timeout' then
    status = failAttempt(id, s, { error = timeoutError(s), retryable = true, jitter = jitter }, '', now)
  else
    status = expire(id, s, isDead or not isWatched(s), isAlone, now)
  end
  ended[#ended + 1] = table.concat({ id, token, reason, s.head.lane, worker, status }, F)
end
