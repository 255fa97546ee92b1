-- include includes/leases.lua
-- include includes/history.lua
-- include includes/lone-crashes.lua

-- Rough cost of a finished task beside its texts, measured: index entries and Redis' own headers. Bytes.
local OVERHEAD = 450

local function finishedSize(stateLength, s)
  return OVERHEAD + stateLength + s.head.bytes + s.historyBytes
end

local function finishedList(status)
  return P .. (status == 'f' and 'failed' or 'done')
end

-- Finished tasks are listed in the order of their ends, for retention: entries "time:common:id,id,…". `common` is what
-- retention needs to know of successes of one chunk, which is their lane, base, size and the bytes of all of them; it is
-- empty where the states of the tasks have more to tell.
local function finishedEntry(time, common, ids)
  return time .. ':' .. common .. ':' .. table.concat(ids, ',')
end

local function splitFinishedEntry(entry)
  local time, common, joined = match(entry, '^(%d+):([%d,]*):(.*)$')
  local ids, shared = {}, nil
  for id in string.gmatch(joined, '[^,]+') do ids[#ids + 1] = id end
  if common ~= '' then
    local lane, base, size, bytes = match(common, '^(%d+),(%d+),(%d+),(%d+)$')
    shared = { lane = lane, base = base, size = tonumber(size), bytes = tonumber(bytes), left = #ids }
  end
  return tonumber(time), shared, ids
end

-- Of the bytes of all in an entry each task takes its share when it is removed, and the last one the rest.
local function takeShare(common)
  local bytes = floor(common.bytes / common.left)
  common.bytes, common.left = common.bytes - bytes, common.left - 1
  return bytes
end

local function restOfEntry(time, common, ids)
  local text = common and table.concat({ common.lane, common.base, common.size, common.bytes }, ',') or ''
  return finishedEntry(whole(time), text, ids)
end

-- Whether its entry says all that retention needs to know of a success.
local function isPlain(s)
  return not s.head.tagged and s.historyBytes == 0
end

-- Failed and cancelled tasks are few and looked for: they have an index of their own.
local function endedIndex(lane, status)
  return P .. 'ended:' .. lane.number .. ':' .. status
end

-- Writes the end of a task. The caller has taken it from where it was.
local function finish(id, s, status, text, now)
  local lane = laneOf(s.head.lane)
  if s.loneCrashes > 0 then forgetLoneCrashes(id) end
  s.status, s.endAt, s.text = status, now, text
  local length = #saveState(id, s)
  call('RPUSH', finishedList(status), finishedEntry(whole(now), '', { id }))
  if status ~= 'o' then call('ZADD', endedIndex(lane, status), numberOf(call('HGET', TASKS, id)), id) end
  count(lane, status, 1)
  count(lane, 'total', 1)
  finishedBytes = finishedBytes + finishedSize(length, s)
end

-- Backoff of packages/core/src/backoff.ts; milliseconds.
local function backoffMs(backoff, attempt, jitter)
  local seconds = backoff.baseSeconds
  if backoff.kind == 'linear' then
    seconds = seconds * (1 + backoff.factor * (attempt - 1))
  elseif backoff.kind == 'exponential' and seconds ~= 0 then
    seconds = seconds * backoff.factor ^ (attempt - 1)
  end
  local share = backoff.kind == 'fixed' and 1 or jitter
  return floor(math.min(backoff.maxSeconds, seconds) * share * 1000 + 0.5)
end

local DEFAULT_BACKOFF = { kind = 'exponential', baseSeconds = 1, factor = 2, maxSeconds = 3600 }

-- maxAttempts and backoff of a task.
local function retryPolicyOf(id)
  local maxAttempts, backoff = match(call('HGET', TASKS, id), '^%d+\31[^\31]*\31%d+\31(%d+)\31([^\31]*)\31')
  return tonumber(maxAttempts), backoff == '' and DEFAULT_BACKOFF or cjson.decode(backoff)
end

-- Ends a failed attempt: the task is scheduled again, failed, or cancelled when that was asked for. `by` is 'f' when the
-- worker said so, '' when not.
local function failAttempt(id, s, failure, by, now)
  local cancelled = s.cancelAt ~= nil
  local maxAttempts, backoff = retryPolicyOf(id)
  takeLease(id, s)
  if cancelled or not failure.retryable or s.attempt >= maxAttempts then
    local status = cancelled and 'c' or 'f'
    s.settled = by == '' and '' or by .. status
    finish(id, s, status, failure.error, now)
    return status
  end
  local delay = failure.delay or backoffMs(backoff, s.attempt, failure.jitter)
  local runAt, status = now + delay, delay > 0 and 's' or 'q'
  endAttempt(id, s, 'retry-scheduled', now, runAt, failure.error)
  s.settled = by == '' and '' or by .. status
  s.startedAt, s.endAt, s.worker, s.progress, s.text = nil, nil, '', '', failure.error
  if status == 's' then makeScheduled(id, s, runAt) else makeReady(id, s, now) end
  saveState(id, s)
  return status, runAt
end

local function cancelRunning(id, s, by, now)
  takeLease(id, s)
  s.settled = by == '' and '' or by .. 'c'
  finish(id, s, 'c', '', now)
  return 'c'
end

local TIMEOUT = '{"code":"timeout","message":"The attempt ran longer than the task\'s timeoutSeconds'

-- timeoutError of packages/core/src/states.ts.
local function timeoutError(s)
  return TIMEOUT .. ', ' .. (s.endAt - s.startedAt) / 1000 .. ' s"}'
end

-- Whether it is one, of this version or of one before.
local function isTimeoutError(text)
  return text:sub(1, #TIMEOUT) == TIMEOUT
end
